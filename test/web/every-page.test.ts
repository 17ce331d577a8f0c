/** Every page, with data that means harm, where the window is narrow. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { paths } from "../../src/web/routes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

const RUN_ID = "<script>alert(1)</script> / ? # & \u202Egnp.exe \u001b[31mred 😀";
const NAME = `<img src=x onerror=alert(1)> \u202Etxt 😀 ${"long".repeat(220)}`;
const LINK = "javascript:alert(1)";

describe.skipIf(!hasChromium)("every page", () => {
  let lab: WebLab;
  let testId = "";
  let eventId = "";
  beforeAll(async () => {
    lab = await startWebLab();
    await lab.client.ingest.ingestRun({
      run: {
        runId: RUN_ID,
        source: { branch: LINK, commitSha: LINK, repositoryUrl: LINK, changeId: NAME },
        ci: { provider: NAME, buildUrl: LINK },
        labels: { [LINK.slice(0, 60)]: NAME.slice(0, 200) },
        status: Status.FAILED,
      },
      results: [1, 2].map((attempt) => ({
        test: { name: NAME, file: LINK, suite: NAME },
        status: attempt === 1 ? Status.FAILED : Status.PASSED,
        attempt,
        failure: { message: NAME.repeat(8), trace: NAME, expected: LINK, actual: NAME },
        stdout: NAME,
      })),
    });
    await lab.client.ingest.ingestRun({ run: { runId: `${RUN_ID} 2`, status: Status.PASSED } });
    const { results } = await lab.client.stats.listResults({ runId: RUN_ID });
    testId = results[0]?.testId ?? "";
    const json = Buffer.from(
      JSON.stringify({ source: NAME.slice(0, 100), amount: 1, metric: LINK, timestamp: 0 }),
    );
    const input = { payload: { case: "json", value: json } } as const;
    const { event } = await lab.client.events.ingestEvent({ event: input });
    eventId = event?.eventId ?? "";
    const refused = {
      payload: { case: "json", value: Buffer.from(`{"amount":"${LINK}"}`) },
    } as const;
    await lab.client.events.ingestEvent({ event: refused }).catch(() => {});
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const pages: readonly [string, (project: string) => string][] = [
    ["overview", (project) => paths.overview(project)],
    ["runs", (project) => paths.runs(project)],
    ["run", (project) => paths.run(project, RUN_ID)],
    ["compare", (project) => paths.compare(project, { base: RUN_ID, head: `${RUN_ID} 2` })],
    ["tests", (project) => paths.tests(project)],
    ["test", (project) => paths.test(project, testId)],
    ["flaky", (project) => paths.flaky(project)],
    ["failures", (project) => paths.failures(project)],
    ["events", (project) => paths.events(project)],
    ["event", (project) => paths.event(project, eventId)],
    ["send", (project) => paths.sendEvent(project)],
    ["aggregates", (project) => paths.aggregates(project)],
    ["site stats", (project) => paths.siteStats(project, { client: LINK })],
    ["rejections", (project) => paths.rejections(project)],
    ["ingestion", (project) => paths.ingestion(project)],
    ["settings", (project) => paths.settings(project)],
    ["installation", () => paths.installation()],
  ];

  it.each(pages)("%s is harmless, accessible, and as wide as the window", async (_, path) => {
    const address = path(lab.server.projectId);
    const width = 390;
    await using opened = await lab.open(address, { token: lab.server.adminToken, width });
    const { page } = opened;
    await page.getByRole("heading", { level: 1 }).waitFor();
    await expect.poll(() => page.locator(".waiting").count()).toBe(0);
    expect(await page.evaluate("document.querySelectorAll('[href^=\"javascript:\"]').length")).toBe(
      0,
    );
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
});
