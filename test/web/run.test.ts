/** One run: what failed and why, as it happens; and the way from there to the test. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Connection } from "../../src/db/client.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

const HOSTILE = "<img src=x onerror=alert(1)> 😀 \u202etxt".padEnd(900, "x");

describe.skipIf(!hasChromium)("run", () => {
  let lab: WebLab;
  const { PASSED, FAILED } = Status;
  beforeAll(async () => {
    lab = await startWebLab();
  }, 60_000);
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (runId: string, query = "", width = 1440) =>
    lab.open(`/projects/${lab.server.projectId}/run?id=${encodeURIComponent(runId)}${query}`, {
      token: lab.server.readToken,
      width,
    });
  const send = (
    runId: string,
    shardIndex: number,
    tests: Readonly<Record<string, Status>>,
    status?: Status,
  ) =>
    lab.client.ingest.ingestRun({
      run: {
        runId,
        source: { branch: "main", commitSha: "9580f0c0068fbbb28c90d30ac4b02af1e6e9b7c3" },
        ci: { provider: "github-actions", buildUrl: "https://ci.example.org/7" },
        ...(status === undefined ? {} : { status }),
      },
      part: { job: "unit", shardIndex, shardTotal: 2 },
      results: Object.entries(tests).map(([name, outcome]) => ({
        test: { name, file: "cart.test.ts" },
        status: outcome,
        ...(outcome === FAILED
          ? {
              failure: {
                message: "\u001b[31mexpected\u001b[0m 1 to be 2",
                trace: "at cart.test.ts:7:1",
                expected: '{\n  "a": 1\n}',
                actual: '{\n  "a": 2\n}',
              },
              stdout: "what it printed",
            }
          : {}),
      })),
    });

  it("says what failed and was refused, here and on the overview, and leads to it", async () => {
    await send("refused", 1, { adds: PASSED });
    await send("refused", 1, { adds: FAILED });
    await send("refused", 2, { adds: PASSED });
    await lab.client.ingest.finishRun({ runId: "refused" });
    await using opened = await open("refused", "&view=failures");
    const { page } = opened;
    await page.getByText("No result that is stored failed.").waitFor();
    const link = page.getByRole("link", { name: "1 failure was refused" });
    expect(await link.count()).toBe(2);
    expect(await opened.violations()).toEqual([]);
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByText("No result that is stored fails.").waitFor();
    await page.getByText("1 failed and refused").waitFor();
    await page.goBack();
    await link.first().click();
    await page.getByRole("heading", { name: "Rejections" }).waitFor();
    expect(new URL(page.url()).searchParams.get("run")).toBe("refused");
    await page.getByText("result_id").first().waitFor();
  });

  it("tells new tests that fail from others, and what a run without a branch can be compared with", async () => {
    const { ingest } = lab.client;
    const source = { branch: "growing" };
    const results = [PASSED, FAILED].map((status) => ({ test: { name: `is ${status}` }, status }));
    await ingest.ingestRun({ run: { runId: "small", source, status: PASSED } });
    await ingest.ingestRun({ run: { runId: "grown", source, status: FAILED }, results });
    await ingest.ingestRun({ run: { runId: "nowhere from", status: PASSED } });
    await using opened = await open("grown", "&view=parts");
    const { page } = opened;
    await page.getByRole("link", { name: "2 added, 1 failing" }).waitFor();
    await page.goto(page.url().replace("grown", "nowhere+from"));
    await page.getByText("This run names no branch").waitFor();
    await page.getByRole("link", { name: "Compare it with another run" }).click();
    await page.getByRole("heading", { name: "Compare" }).waitFor();
    expect(new URL(page.url()).searchParams.get("head")).toBe("nowhere from");
    expect(opened.complaints).toEqual([]);
  });

  it("shows a failure with its evidence in place, and leads to the test", async () => {
    await send("before", 1, { adds: PASSED, removes: PASSED }, PASSED);
    await send("before", 2, {}, PASSED);
    await send("broken", 1, { adds: FAILED, removes: PASSED }, FAILED);
    await send("broken", 2, {}, PASSED);
    await using opened = await open("broken");
    const { page } = opened;
    const failure = page.getByRole("button", { name: "adds" });
    expect(await failure.textContent()).toContain("expected 1 to be 2");
    await failure.focus();
    await page.keyboard.press("Enter");
    await page.getByText("at cart.test.ts:7:1").waitFor();
    await page.getByText("what it printed").waitFor();
    const diff = page.getByRole("group", { name: "Expected and actual value" });
    expect(await diff.textContent()).toContain('"a": 2');
    const build = page.getByRole("link", { name: "github-actions" });
    expect(await build.getAttribute("href")).toBe("https://ci.example.org/7");
    await page.getByRole("link", { name: "1 newly failing" }).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await opened.violations()).toEqual([]);
    }
    await page.getByRole("link", { name: "History of this test" }).click();
    expect(new URL(page.url()).searchParams.get("id")).toMatch(/^[0-9a-f]{32}$/);
    expect(opened.complaints).toEqual([]);
  });

  it("tells of groups, results, parts and missing tests, each by its own address", async () => {
    await using opened = await open("broken");
    const { page } = opened;
    await page.getByRole("link", { name: "Failure groups" }).click();
    await page.getByRole("button", { name: "1 failure" }).click({ timeout: 10_000 });
    await page.getByText("First in").waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.getByRole("link", { name: "Results" }).click();
    await page.getByRole("button", { name: "removes" }).waitFor();
    await page.getByLabel("Status").selectOption("failed");
    await page.getByRole("button", { name: "removes" }).waitFor({ state: "detached" });
    await page.getByLabel("Test").fill("no such test");
    await page.getByText("No result matches.").waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("button", { name: "removes" }).waitFor();
    expect([...new URL(page.url()).searchParams.keys()]).toEqual(["id", "view"]);
    await page.getByRole("link", { name: "Parts" }).click();
    await page.getByRole("row").filter({ hasText: "unit 1/2" }).getByText("Failed").waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.getByRole("link", { name: "Missing tests" }).click();
    await page.getByText("No test is missing.").waitFor();
    expect(new URL(page.url()).searchParams.get("view")).toBe("missing");
    expect(opened.complaints).toEqual([]);
  });

  it("follows a run as it happens, and nothing moves", async () => {
    await send("goes on", 1, { adds: PASSED });
    await using opened = await open("goes on");
    const { page } = opened;
    await page.getByText("No test has failed so far.").waitFor();
    await page.getByText("0 of 2").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await send("goes on", 1, { removes: FAILED });
    const failure = page.getByRole("button", { name: "removes" });
    await failure.waitFor();
    const before = await failure.boundingBox();
    await page.evaluate(COUNT_SHIFTS);
    await send("goes on", 1, { counts: FAILED }, FAILED);
    await page.getByRole("button", { name: "counts" }).waitFor();
    await page.getByText("1 of 2").waitFor();
    expect(await failure.boundingBox()).toEqual(before);
    await send("goes on", 2, {}, PASSED);
    await page.getByText("2 of 2").waitFor();
    await page.getByText("Running").waitFor({ state: "detached" });
    await page.getByText("newly failing").waitFor();
    expect(await page.evaluate("shifts")).toBeLessThan(0.01);
    expect(opened.complaints).toEqual([]);
  });

  it("lists the last results of a run that ends while it is watched", async () => {
    const ingest = (name: string, status?: Status) =>
      lab.client.ingest.ingestRun({
        run: { runId: "ends", ...(status === undefined ? {} : { status }) },
        results: [{ test: { name }, status: PASSED }],
      });
    await ingest("first");
    await using opened = await open("ends", "&view=results");
    const { page } = opened;
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("button", { name: "first" }).waitFor();
    await ingest("last", PASSED);
    await page.getByText("Running").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "last" }).waitFor({ timeout: 10_000 });
    expect(opened.complaints).toEqual([]);
  });

  it("marks an outage, and names the tests that a run lacks", async () => {
    const tests = Array.from({ length: 25 }, (_, index) => `case ${index}`);
    const nightly = (runId: string, names: readonly string[], status: Status, isOver = true) =>
      lab.client.ingest.ingestRun({
        run: { runId, source: { branch: "nightly" }, ...(isOver ? { status } : {}) },
        results: names.map((name) => ({
          test: { name },
          status,
          ...(status === FAILED ? { failure: { message: "connection refused" } } : {}),
        })),
      });
    for (const runId of ["n1", "n2", "n3"]) await nightly(runId, [...tests, "forgotten"], PASSED);
    await nightly("n4", tests, FAILED, false);
    await using opened = await open("n4", "&view=missing");
    const { page } = opened;
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("heading").getByText("Probable outage").waitFor();
    await page.getByText("No test is missing.").waitFor();
    await nightly("n4", [], FAILED);
    await page.getByRole("row").filter({ hasText: "forgotten" }).getByText("n3").waitFor();
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("shows hostile names harmless, in a narrow window too", async () => {
    const runId = "<script>alert(1)</script> \u202e \u001b[31mred";
    await lab.client.ingest.ingestRun({
      run: { runId, ci: { buildUrl: "javascript:alert(1)" }, status: FAILED },
      results: [
        { test: { name: HOSTILE }, status: FAILED, failure: { message: "<b>bold</b>" } },
        { test: { name: "bad\u0000name" }, status: PASSED },
      ],
    });
    await using opened = await open(runId, "", 390);
    const { page } = opened;
    await page.getByRole("heading", { name: "<script>alert(1)</script> ⟨U+202E⟩ red" }).waitFor();
    await page.getByRole("button", { name: "<img src=x" }).click();
    await page.getByText("<b>bold</b>").last().waitFor();
    expect(await page.locator("a[href^=javascript], main img, main script").count()).toBe(0);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    const rejections = page.getByRole("link", { name: "1 rejection" });
    const target = new URL((await rejections.getAttribute("href")) ?? "", page.url());
    expect(target.searchParams.get("run")).toBe(runId);
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("says that results have left, and keeps their totals", async () => {
    await send("expired", 1, { adds: FAILED }, FAILED);
    await using db = new Connection({ url: lab.server.databaseUrl, prepare: false });
    await db.run(`
      UPDATE runs SET expired_at = now() - interval '1 day' WHERE run_id = 'expired';
      DELETE FROM results USING runs
      WHERE results.run_key = runs.run_key AND runs.run_id = 'expired'`);
    await using opened = await open("expired");
    const { page } = opened;
    await page.getByText(/The results of this run left on/).waitFor();
    await page.getByText("The failures are not kept any more.").waitFor();
    await page.getByRole("link", { name: "Failures 1" }).waitFor();
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("lists the first parts of a run whose parts have too long names, and claims nothing of the others", async () => {
    await send("long names", 1, { adds: PASSED });
    await using db = new Connection({ url: lab.server.databaseUrl, prepare: false });
    await db.run(`
      INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
      )
      SELECT project_key, run_key, decode(md5(i::text), 'hex'), lpad(i::text, 1000, 'j'), 1, 1, 9, '', false
      FROM runs, generate_series(1, 2000) AS i
      WHERE run_id = 'long names'`);
    await using opened = await open("long names", "&view=parts");
    const { page } = opened;
    await page.getByText(/^of more than \d+$/).waitFor();
    await page.getByText(/^The first \d+: the names of all are too long/).waitFor();
    expect(await page.getByText("Not begun").count()).toBe(0);
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("says that there is no such run, and that a run was deleted", async () => {
    await send("leaves", 1, { adds: PASSED });
    await using opened = await open("leaves");
    const { page } = opened;
    await page.getByText("Live", { exact: true }).waitFor();
    await lab.client.ingest.deleteRun({ runId: "leaves" });
    await page.getByText("leaves was deleted.").waitFor();
    await page.goto(page.url().replace("leaves", "nowhere"));
    await page.getByText("There is no run nowhere in this project.").waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.getByRole("link", { name: "Look at all runs" }).click();
    await page.getByRole("heading", { name: "Runs" }).waitFor();
  });
});

/** Adds up how far the page moves by itself from now on. */
const COUNT_SHIFTS = `
  globalThis.shifts = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) shifts += value;
  }).observe({ type: "layout-shift" });
`;
