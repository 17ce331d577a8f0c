import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, openRun } from "../../src/client/index.js";
import { createCertificate } from "../support/certificate.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { runCli } from "./run-cli.js";

let server: TestServer;
let dir: string;
beforeAll(async () => {
  server = await startTestServer();
  dir = join(tmpdir(), `tally-spool-${server.projectId}`);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const tally = (...args: string[]) =>
  runCli(args, {
    env: { TALLY_URL: server.url, TALLY_TOKEN: server.allToken, TALLY_SPOOL_DIR: dir },
  });

/** A file for the server that nobody took; `origin` is where it was meant to go. */
async function spool(runId: string, names: string[], origin = server.url): Promise<string> {
  const client = createTallyClient({ url: "http://127.0.0.1:9", token: server.allToken });
  const session = openRun({
    client: { ...client, origin },
    run: { runId },
    part: { job: "linux" },
    spoolDir: dir,
  });
  for (const name of names) session.add({ test: { name }, status: Status.PASSED });
  const { spoolFile = "" } = await session.close({ deadlineMs: 0 });
  client.close();
  return spoolFile;
}

it("says that nothing waits, without a server or a token", async () => {
  const listed = await runCli(["spool", "list", "--dir", dir]);
  expect(listed).toMatchObject({ code: 0, stdout: `nothing waits in ${dir}\n`, stderr: "" });
  expect(await tally("spool", "send")).toMatchObject({ code: 0 });
});

it("lists what waits, and sends it once", async () => {
  const file = await spool("run a", ["a", "b", "c"]);
  const torn = await spool("run b", ["a"]);
  await writeFile(torn, Buffer.concat([await readFile(torn), Buffer.alloc(5, 1)]));
  const lines = (await tally("spool", "list")).stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^RUN +JOB +RESULTS +SERVER +STATE +BYTES +FILE$/);
  expect(lines[1]).toMatch(/^run a +linux +3 +http:\S+ +waiting +\d+ /);
  expect(lines[1]).toContain(file);
  expect(lines[2]).toContain("1 (5 bytes torn)");
  const { files } = JSON.parse((await tally("spool", "list", "--json")).stdout);
  expect(files).toMatchObject([
    { runId: "run a", job: "linux", resultCount: 3, isFinished: true, state: "waiting" },
    { runId: "run b", resultCount: 1, tornBytes: 5 },
  ]);

  const sent = await tally("spool", "send");
  expect(sent).toMatchObject({ code: 0 });
  expect(sent.stdout).toBe(
    "2 of 2 files sent; 4 stored, 0 already known, 0 in conflict, 0 refused\n",
  );
  expect(sent.stderr).toContain("its last 5 bytes were cut off");
  const { run } = await server.client(server.allToken).stats.getRun({ runId: "run a" });
  expect(run?.totals?.resultCount).toBe(3n);
  expect(await readdir(dir)).toEqual([".gitignore"]);
});

it("sends what was meant for another address when it is told to", async () => {
  await spool("moved", ["a"], "http://tally.example:8080");
  const refused = await tally("spool", "send");
  expect(refused).toMatchObject({ code: 0 });
  expect(refused.stderr).toContain("is for another server or token: send it with --any");
  const { files } = JSON.parse((await tally("spool", "send", "--any", "--json")).stdout);
  expect(files).toMatchObject([{ outcome: "sent", runId: "moved", acceptedCount: 1 }]);
});

it("exits 1 when results are refused, and 3 when no server answers", async () => {
  await spool("refused", ["a", ""]);
  const env = { TALLY_URL: "http://127.0.0.1:9", TALLY_TOKEN: server.allToken };
  const args = ["spool", "send", "--any", "--dir", dir];
  const unreachable = await runCli(args, { env });
  expect(unreachable).toMatchObject({ code: 3 });
  expect(unreachable.stderr).toContain("no answer from http://127.0.0.1:9");
  expect(await runCli([...args, "--soft"], { env })).toMatchObject({ code: 0 });
  const refused = await tally("spool", "send");
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toMatch(/run refused: refused \(invalid\) test.name .* \[rejection/);
});

it("reaches a server by the protocol and the authority of the environment", async () => {
  await using certificate = await createCertificate();
  const { certFile, keyFile, text } = certificate;
  await using secure = await startTestServer({
    env: { TALLY_TLS_CERT: certFile, TALLY_TLS_KEY: keyFile },
    ca: text,
  });
  const env = { TALLY_URL: secure.url, TALLY_TOKEN: secure.allToken, TALLY_CA_FILE: certFile };
  for (const protocol of ["", "grpc", "connect"]) {
    const listed = await runCli(["runs", "list"], { env: { ...env, TALLY_PROTOCOL: protocol } });
    expect(listed).toMatchObject({ code: 0 });
  }
  expect((await runCli(["runs", "list"], { env: { ...env, TALLY_CA_FILE: "" } })).code).toBe(3);
  const wrong = await runCli(["runs", "list"], { env: { ...env, TALLY_PROTOCOL: "udp" } });
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toContain('TALLY_PROTOCOL is "udp": give grpc or connect');
});
