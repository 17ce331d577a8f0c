/** Uploads real files of many tools, where they are at hand: see the test of the formats. */
import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTallyClient } from "../../src/client/index.js";
import { startTestServer } from "../support/server.js";
import { runCli } from "./run-cli.js";

const folder =
  process.env["TALLY_REPORTS_DIR"] ??
  fileURLToPath(new URL("../../../shared/reports", import.meta.url));
const files = existsSync(folder)
  ? globSync("{action-junit-report,analytics-cli}/**/*.xml", { cwd: folder, absolute: true }).sort()
  : [];

describe.skipIf(files.length === 0)(`uploading the files of ${folder}`, () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(files.map((file) => [relative(folder, file), file]))("%s", async (name, file) => {
    const env = { TALLY_URL: server.url, TALLY_TOKEN: server.ingestToken };
    const runId = `file ${name}`;
    const upload = async () => {
      const { code, stdout, stderr } = await runCli(["upload", file, "--run-id", runId, "--json"], {
        env,
      });
      return { code, stderr, summary: JSON.parse(stdout) };
    };
    const xml = readFileSync(file, "utf8").replace(/<!--.*?-->|<!\[CDATA\[.*?\]\]>/gs, "");
    const retries = xml.match(/<(flaky|rerun)(Failure|Error)\b/g)?.length ?? 0;
    const damagedAt = DAMAGED.get(name);
    const stored =
      damagedAt === undefined
        ? (xml.match(/<testcase[\s/>]/g)?.length ?? 0) + retries
        : damagedAt.stored;

    const first = await upload();
    expect(first.code).toBe(damagedAt === undefined ? 0 : 1);
    if (damagedAt !== undefined) expect(first.stderr).toContain(`:${damagedAt.line}: `);
    expect(first.summary.acceptedCount ?? 0).toBe(stored);
    expect(first.summary.files).toMatchObject([{ retryCount: retries }]);

    const second = await upload();
    expect(second.code).toBe(first.code);
    expect(second.summary.acceptedCount ?? 0).toBe(0);
    expect(second.summary.duplicateCount ?? 0).toBe(stored);
    if (stored === 0 && damagedAt !== undefined) return;

    const { projectId } = server;
    const admin = createTallyClient({ url: server.url, token: server.adminToken });
    const { run } = await admin.stats.getRun({ projectId, runId });
    admin.close();
    expect(run?.totals?.resultCount).toBe(BigInt(stored));
  });
});

const DAMAGED = new Map([
  [
    "action-junit-report/corrupt-junit/e2e-tests/corrupt/target/sf-reports/TEST-test.CorruptTest.xml",
    { line: 18, stored: 1 },
  ],
  ["action-junit-report/junit-web-test/expected.xml", { line: 9, stored: 0 }],
  ["action-junit-report/junit-web-test/expectedRetries.xml", { line: 9, stored: 0 }],
]);
