import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { startFolding } from "../src/folding.js";
import { createLogger } from "../src/log.js";
import { createTestDatabase } from "./support/database.js";

// A thread needs compiled code.
const program = fileURLToPath(new URL("../dist/src/folding.js", import.meta.url));
const folding: { startFolding: typeof startFolding } = await import(program);

it("begins again when its thread has died, and stops at any time", async () => {
  await using database = await createTestDatabase();
  const ended: unknown[] = [];
  const log = createLogger("error", {
    write: (line: string) => ended.push(JSON.parse(line)),
  });
  const connection = { url: database.url, prepare: true };
  const dying = folding.startFolding({ connection, logLevel: "no such level" }, log);
  await expect.poll(() => ended.length).toBeGreaterThan(1);
  await dying[Symbol.asyncDispose]();
  expect(ended[0]).toMatchObject({
    level: "error",
    event: "folding_ended",
    err: { message: expect.stringContaining("no such level") },
  });
  const living = folding.startFolding({ connection, logLevel: "silent" }, log);
  await living[Symbol.asyncDispose]();
  const count = ended.length;
  await using _ = folding.startFolding({ connection, logLevel: "silent" }, log);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(ended).toHaveLength(count);
});

it.runIf(process.platform === "linux")("lets other threads go first", async () => {
  await using database = await createTestDatabase();
  const before = [...(await nicenessOfThreads())];
  expect(before).toHaveLength(1);
  const connection = { url: database.url, prepare: true };
  await using _ = folding.startFolding({ connection, logLevel: "silent" }, createLogger("silent"));
  await expect.poll(nicenessOfThreads).toEqual(new Set([Number(before), Number(before) + 5]));
});

/** Of all threads of this process: field 19 of their stat, of which the name in parentheses is field 2. */
async function nicenessOfThreads(): Promise<Set<number>> {
  const found = new Set<number>();
  for (const thread of await readdir("/proc/self/task")) {
    const stat = await readFile(`/proc/self/task/${thread}/stat`, "utf8");
    found.add(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]));
  }
  return found;
}
