/** A project of many small tests, for Vitest. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export const TESTS_PER_FILE = 100;

/** Writes the files of the project: `REPORTER` in the environment names the reporter it loads besides its own. */
export async function writeVitestProject(folder: string, files: number): Promise<void> {
  await writeFile(join(folder, "vitest.config.js"), CONFIG);
  for (let i = 0; i < files; i++) await writeFile(join(folder, `part-${i}.test.js`), testFile(i));
}

function testFile(file: number): string {
  const tests = Array.from(
    { length: TESTS_PER_FILE },
    (_, i) => `  it("adds ${i} to ${file}", () => {
    expect(add(${file}, ${i})).toBe(${file + i});
  });`,
  );
  return `import { describe, expect, it } from "vitest";

const add = (a, b) => a + b;

describe("part ${file}", () => {
${tests.join("\n")}
});
`;
}

const CONFIG = `import { defineConfig } from "vitest/config";

const { REPORTER } = process.env;
const reporters = ["default"];
if (REPORTER) {
  const { default: Reporter } = await import(REPORTER);
  reporters.push(new Reporter());
}
export default defineConfig({ test: { root: import.meta.dirname, reporters } });
`;
