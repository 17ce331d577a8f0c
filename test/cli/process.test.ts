/** The program `tally` as a process: when it ends, and what it has printed by then. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startSilentHole, startSwallowingHole } from "../support/black-hole.js";
import { runCliProcess, startCliProcess } from "./run-cli.js";

const REPORT = "test/fixtures/reports/junit/pytest-repeats.xml";

it("ends with its command where the server drops every packet", async () => {
  await using server = await startSwallowingHole();
  const env = { TALLY_URL: `http://127.0.0.1:${server.port}`, TALLY_TOKEN: "t" };
  const startedAt = performance.now();
  const { code, stderr } = await runCliProcess(["upload", "--soft", "--patience", "1", REPORT], {
    env,
  });
  expect(stderr).toContain("no answer from");
  expect(code).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

it("gives up a server that takes events and says nothing", async () => {
  await using server = await startSilentHole();
  const env = { TALLY_URL: `http://127.0.0.1:${server.port}`, TALLY_TOKEN: "t" };
  const startedAt = performance.now();
  const { code, stderr } = await runCliProcess(["events", "send", "--patience", "1", "-"], {
    env,
    input: '{"client":"shop","type":"visit","time":1762975801}',
  });
  expect(stderr).toContain(`no answer from ${env.TALLY_URL}: nothing was heard for 1 s`);
  expect(code).toBe(3);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

it("has printed all of a long answer when it ends, however slow its reader", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tally-process-"));
  const count = 2_000;
  for (let i = 0; i < count; i++) {
    await writeFile(join(dir, `00000000a-${i.toString(16).padStart(8, "0")}.spool`), "no spool");
  }
  const child = startCliProcess(["spool", "list", "--json", "--dir", dir]);
  const ended = once(child, "close");
  await once(child.stdout, "readable");
  await sleep(500);
  const answer = await text(child.stdout);
  expect(await ended).toEqual([0, null]);
  expect(answer.length).toBeGreaterThan(200_000);
  expect(JSON.parse(answer).files).toHaveLength(count);
  await rm(dir, { recursive: true });
});

it("exits 0 where nobody reads the warnings that it does not have", async () => {
  const child = startCliProcess(["spool", "list", "--dir", join(tmpdir(), "tally-no-such-folder")]);
  child.stderr.destroy();
  expect(await text(child.stdout)).toContain("nothing waits in");
  expect(await once(child, "exit")).toEqual([0, null]);
});
