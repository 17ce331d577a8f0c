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
