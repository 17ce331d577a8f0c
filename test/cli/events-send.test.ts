import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Connection } from "../../src/db/client.js";
import { MAX_EVENT_BYTES } from "../../src/formats/event-item.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { newProject } from "./new-project.js";
import { runCli, startCliProcess } from "./run-cli.js";

// Each command is a process.
vi.setConfig({ testTimeout: 90_000 });
let server: TestServer;
let db: Connection;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  db = new Connection({ url: server.databaseUrl, prepare: false });
  folder = await mkdtemp(join(tmpdir(), "tally-cli-events-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const event = (second: number, more = "") =>
  `{"source": "ci", "metric":"m", "amount": 1, "timestamp":${1_700_000_000 + second}${more}}`;
const counts = { processedCount: 0, queuedCount: 0, duplicateCount: 0, rejectedCount: 0 };

describe("tally events send", () => {
  it("sends an array, each event with the bytes of the file, and counts it once", async () => {
    const { tally, stored } = await newProject(server, db);
    const digits = ', "build" : 12345678901234567890.10';
    const file = await fileOf("two.json", `[\n ${event(1, digits)},\n ${event(2)}\n]\n`);
    const first = await tally(["events", "send", file]);
    expect(first).toEqual({
      code: 0,
      stdout:
        "2 events: 2 processed, 0 queued, 0 already known, 0 in conflict, 0 refused; 1 with warnings\n",
      stderr: "",
    });
    expect((await stored()).map(({ raw }) => raw)).toEqual([event(1, digits), event(2)]);
    const again = await tally(["events", "send", file, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      ...counts,
      duplicateCount: 2,
      warnedCount: 1,
    });
    expect(again.code).toBe(0);
  });

  it("takes a single object, lines by the name or by --format, and standard input", async () => {
    const { tally, stored } = await newProject(server, db);
    const single = await fileOf("one.json", event(1));
    const lines = await fileOf("lines.ndjson", `${event(2)}\n\n${event(3)}`);
    for (const args of [[single], [lines]]) {
      expect((await tally(["events", "send", ...args])).code).toBe(0);
    }
    const piped = await tally(["events", "send", "-", "--format", "ndjson"], `${event(4)}\n`);
    expect(piped.stdout).toMatch(/^1 event: 1 processed,/);
    expect((await stored()).map(({ raw }) => raw)).toEqual([1, 2, 3, 4].map((n) => event(n)));
  });

  it("queues with --queue", async () => {
    const { tally, stored } = await newProject(server, db);
    const { stdout } = await tally(["events", "send", "-", "--queue", "--json"], event(1));
    expect(JSON.parse(stdout)).toMatchObject({ ...counts, queuedCount: 1 });
    await expect.poll(stored).toMatchObject([{ state: 2 }]);
  });

  it("names the line and the reasons of what is refused, and sends the rest", async () => {
    const { tally, stored } = await newProject(server, db);
    const wrong = '{"source":"ci","metric":"m","amount":"much"}';
    const input = `[${event(1)},\n${wrong},\n${event(2)}`;
    const { code, stdout, stderr } = await tally(["events", "send", "-"], input);
    expect(code).toBe(1);
    expect(stdout).toContain(
      "2 events: 1 processed, 0 queued, 0 already known, 0 in conflict, 1 refused",
    );
    expect(stderr).toMatch(
      /^tally: standard input:2: refused: amount "much" is not a number; occurred_at is required .* \[rejection [0-9a-f]{32}\]$/m,
    );
    expect(stderr).toContain("standard input:3: the array is cut off inside the event of line 3");
    expect((await stored()).map(({ raw }) => raw)).toEqual([event(1)]);
    const soft = await tally(["events", "send", "-", "--soft", "--json"], input);
    expect(soft.code).toBe(0);
    expect(JSON.parse(soft.stdout)).toMatchObject({
      ...counts,
      duplicateCount: 1,
      rejectedCount: 1,
      refusals: [
        {
          line: 2,
          outcome: "REJECTED",
          fieldViolations: [{ field: "amount" }, { field: "occurred_at" }],
        },
      ],
      problems: [{ line: 3 }],
      problemCount: 1,
    });
  });

  it("names one event by --idempotency-key, and tells a conflict", async () => {
    const { tally } = await newProject(server, db);
    const send = (input: string) =>
      tally(["events", "send", "-", "--idempotency-key", "order-17"], input);
    expect((await send(event(1))).code).toBe(0);
    expect((await send(event(1))).stdout).toContain("1 already known");
    const conflict = await send(event(2));
    expect(conflict.code).toBe(1);
    expect(conflict.stdout).toContain("1 in conflict");
    expect(conflict.stderr).toMatch(
      /^tally: standard input:1: in conflict: .*"order-17".*\[rejection/m,
    );
    const several = await send(`[${event(1)},${event(3)}]`);
    expect(several.code).toBe(2);
    expect(several.stderr).toContain("--idempotency-key names one event");
  });

  it("sends what fits around an event that no message holds", async () => {
    const { tally, stored } = await newProject(server, db);
    const tooLong = `"${"x".repeat(MAX_EVENT_BYTES)}"`;
    const file = await fileOf("long.jsonl", `${event(1)}\n${tooLong}\n${event(2)}\n`);
    const { code, stderr } = await tally(["events", "send", file]);
    expect(code).toBe(1);
    expect(stderr).toContain("long.jsonl:2: the event is longer than");
    expect(await stored()).toHaveLength(2);
  });

  it.each([
    ["toServer", 100_000],
    ["toServer", 2_000],
    ["toClient", 150],
  ] as const)(
    "sends again what the network cut off %s after %i bytes",
    async (direction, bytes) => {
      const { env, stored } = await newProject(server, db);
      const { hostname: host, port } = new URL(server.url);
      await using proxy = await startTcpProxy({ host, port: Number(port) });
      proxy.cutAfter(direction, bytes, "rst");
      const input = Array.from({ length: 3_000 }, (_, i) => `${event(i)}\n`).join("");
      const args = ["events", "send", "-", "--format", "ndjson", "--json"];
      const { code, stdout, stderr } = await runCli(args, {
        env: { ...env, TALLY_URL: proxy.through(server.url) },
        input,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(proxy.acceptedCount).toBe(2);
      const summary = JSON.parse(stdout);
      expect(summary).toMatchObject({ receivedCount: 3_000, rejectedCount: 0, conflictCount: 0 });
      // A batch whose answer was lost is known already when it comes again.
      expect(summary.processedCount + summary.duplicateCount).toBe(3_000);
      expect(await stored()).toHaveLength(3_000);
    },
  );

  it("at Ctrl-C sends what it has read, and says what became of it", async () => {
    const { env, stored } = await newProject(server, db);
    const child = startCliProcess(["events", "send", "-", "--format", "ndjson"], { env });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const ended = once(child, "close");
    const lines = Array.from({ length: 1_500 }, (_, i) => `${event(i)}\n`);
    // The first batch goes when it is full, the second one waits for more.
    child.stdin.write(`${lines.join("")}{"source":`);
    await expect.poll(stored).toHaveLength(1_000);
    child.kill("SIGINT");
    // As npx passes the same one on.
    await sleep(1);
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    const [stdout, stderr] = await output;
    const [, count = ""] = /^(\d+) events: \1 processed/.exec(stdout) ?? [];
    expect(Number(count)).toBeGreaterThanOrEqual(1_000);
    expect(stderr).toBe("tally: interrupted: the rest of the file was not sent\n");
    expect(await stored()).toHaveLength(Number(count));
  });

  it("ends without a word when nobody reads its output", async () => {
    const { env } = await newProject(server, db);
    const child = startCliProcess(["events", "failed", "--json"], { env });
    child.stdout.destroy();
    const stderr = text(child.stderr);
    expect(await once(child, "exit")).toEqual([141, null]);
    expect(await stderr).toBe("");
  });
});
