import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, openRun, sendSpool, uploadResults } from "../../src/client/index.js";
import { runCliProcess } from "../cli/run-cli.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** Takes connections, and says nothing. */
async function startSilentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const result = { test: { name: "adds" }, status: Status.PASSED };
let server: TestServer;
let spoolDir: string;
beforeAll(async () => {
  server = await startTestServer();
  spoolDir = await mkdtemp(join(tmpdir(), "tally-patience-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(spoolDir, { recursive: true, force: true });
});

describe("of an upload", () => {
  it.each(["grpc", "connect"] as const)("ends when nothing is heard, over %s", async (protocol) => {
    await using silent = await startSilentServer();
    const client = createTallyClient({ url: silent.url, token: "t", protocol });
    const upload = uploadResults(client, { run: { runId: "r" } }, [result], { patienceMs: 300 });
    await expect(upload).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: "nothing was heard for 0.3 s",
    });
    client.close();
  });

  it("has no end while the results let it wait", async () => {
    async function* slow() {
      yield result;
      await sleep(4_000);
      yield { ...result, attempt: 2 };
    }
    const client = server.client(server.ingestToken);
    // Time enough for the server to answer in.
    const options = { patienceMs: 3_000, batchResults: 1 };
    const summary = await uploadResults(client, { run: { runId: "slow" } }, slow(), options);
    expect(summary.acceptedCount).toBe(2);
  });
});

it("keeps the spool when nothing is heard", async () => {
  await using silent = await startSilentServer();
  const client = createTallyClient({ url: silent.url, token: "t" });
  const session = openRun({ client, run: { runId: "spooled" }, spoolDir });
  session.add(result);
  await session.close({ deadlineMs: 0 });
  const [file] = await sendSpool({ client, dir: spoolDir, patienceMs: 300 });
  expect(file).toMatchObject({ outcome: "kept", error: { code: Code.Unavailable } });
  client.close();
});

it("is an option of the commands", async () => {
  await using silent = await startSilentServer();
  const env = { TALLY_URL: silent.url, TALLY_TOKEN: "t", TALLY_SPOOL_DIR: spoolDir };
  const input = '<testsuite><testcase name="a"/></testsuite>';
  const upload = ["upload", "--run-id", "r", "--patience", "1", "-"];
  const commands = [
    [upload, 3],
    [[...upload, "--soft"], 0],
    [["spool", "send", "--any", "--patience", "1"], 3],
  ] as const;
  const runs = commands.map(([args]) => runCliProcess(args, { env, input }));
  for (const [index, { code, stderr }] of (await Promise.all(runs)).entries()) {
    expect(stderr).toContain("nothing was heard for 1 s");
    expect(code).toBe(commands[index]?.[1]);
  }
});
