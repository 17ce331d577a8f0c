import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, vi } from "vitest";

vi.setConfig({ testTimeout: 240_000 });
const MEGABYTES = 30;

// All results at once would take several times the heap that there is.
it.each(["junit", "ctrf"])("reads a large report in %s within little memory", async (format) => {
  const program = fileURLToPath(new URL("large-report.js", import.meta.url));
  const args = ["--max-old-space-size=40", program, format, String(MEGABYTES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { count, maxRssMiB } = JSON.parse(stdout);
  expect(count).toBeGreaterThan(100_000);
  expect(maxRssMiB).toBeLessThan(200);
});
