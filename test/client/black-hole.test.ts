/** Programs whose server swallows what they send: with their client closed nothing holds them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BlackHole, startSilentHole, startSwallowingHole } from "../support/black-hole.js";

let holes: Record<"silent" | "swallowing", BlackHole>;
let folder = "";
beforeAll(async () => {
  holes = { silent: await startSilentHole(), swallowing: await startSwallowingHole() };
  folder = await mkdtemp(join(tmpdir(), "tally-black-hole-"));
});
afterAll(async () => {
  for (const hole of Object.values(holes)) await hole[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Answers how a program that runs `code` ends once it has closed its client: killed, where it lives on. */
async function endOf(url: string, protocol: string, code: string): Promise<unknown> {
  const library = fileURLToPath(new URL("../../dist/src/client/index.js", import.meta.url));
  const program = `
    import { createTallyClient, openRun } from ${JSON.stringify(library)};
    const client = createTallyClient({ url: ${JSON.stringify(url)}, protocol: "${protocol}" });
    ${code}
    client.close();
    console.log("closed");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exit = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exit]);
  const killing = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const end = await exit;
  clearTimeout(killing);
  return end;
}

const CALL = "await client.stats.listRuns({}, { timeoutMs: 300 }).catch(() => {});";
const UNDER_WAY = `client.stats.listRuns({}).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));`;
const SESSION = `const session = openRun({ client, run: { runId: "r" }, onWarning() {} });
  session.add({ test: { name: "test" }, status: 1 });
  await session.close({ deadlineMs: 300 });`;

it.each([
  ["grpc", "http", "silent"],
  ["grpc", "http", "swallowing"],
  ["grpc", "https", "silent"],
  ["grpc", "https", "swallowing"],
  ["connect", "http", "swallowing"],
  ["connect", "https", "silent"],
] as const)("%s over %s to a %s address holds no program", async (protocol, scheme, hole) => {
  const url = `${scheme}://127.0.0.1:${holes[hole].port}`;
  for (const code of [CALL, UNDER_WAY, SESSION]) {
    expect(await endOf(url, protocol, code)).toEqual([0, null]);
  }
});
