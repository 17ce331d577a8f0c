/** Lists of figures are asked for anew by themselves, and never under the eyes of a reader. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import { until } from "../db/support.js";
import { uploadBuild } from "./builds.js";
import { whenShown } from "./every-page.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

const { FAILED, PASSED } = Status;

describe.skipIf(!hasChromium)("lists that are kept up", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
    await uploadFlaky(lab.client, "first");
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it.each([
    ["/tests", "second", "link"],
    ["/flaky", "third", "button"],
    ["/failures", "fourth", "button"],
  ] as const)("%s shows what is new within a minute", async (path, name, role) => {
    await using opened = await lab.open("/installation", { token: lab.server.readToken });
    const { page } = opened;
    await page.clock.install();
    await page.addInitScript(SUM_SHIFTS);
    await page.goto(`${lab.server.url}/projects/${lab.server.projectId}${path}`);
    const first = page.getByRole(role, { name: "first" });
    await first.waitFor();
    await whenShown(opened);
    await page.evaluate("shifts = 0");
    await uploadFlaky(lab.client, name);
    const news = page.getByRole(role, { name });

    await show(page, "hidden");
    await page.clock.fastForward(61_000);
    expect(await asked(page)).toBe(false);
    await show(page, "visible");
    await news.waitFor();
    // The number of tests stands at the end of its line, and grows to its left.
    expect(await page.evaluate("shifts")).toBeLessThan(0.0001);

    if (role === "button") {
      await first.click();
      // What is unfolded is asked for, too.
      await whenShown(opened);
      await page.clock.fastForward(61_000);
      expect(await asked(page)).toBe(false);
      await first.click();
    }
    // The page may take a moment to see that nothing is open any more: its minute begins then. A call is given time, since
    // its deadline passes with the next minute.
    const passMinute = async () => {
      const answer = page.waitForResponse(/StatsService/, { timeout: 3_000 });
      const isAnswered = answer.then(
        () => true,
        () => false,
      );
      await page.clock.fastForward(61_000);
      return isAnswered;
    };
    await expect.poll(passMinute).toBe(true);
    expect(opened.complaints).toEqual([]);
  });
});

/** A test that failed and passed in one run, alone in failing so; resolves when lists tell of it. */
async function uploadFlaky(client: TallyClient, name: string): Promise<void> {
  const message = `${name} is not what was expected`;
  await uploadBuild(client, {
    runId: `run of ${name}`,
    hoursAgo: 1,
    results: [
      { name, status: FAILED, message },
      { name, status: PASSED, attempt: 2 },
    ],
  });
  await until(async () => {
    const { tests } = await client.stats.listFlakyTests({});
    const { groups } = await client.stats.listFailureGroups({});
    return tests.some(({ test }) => test?.test?.name === name) && groups.length === tests.length;
  });
}

/** By how much what was shown has moved, as browsers measure it. */
const SUM_SHIFTS = `
  globalThis.shifts = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) shifts += value;
  }).observe({ type: "layout-shift", buffered: true })`;

/** Whether the page asks the server anything within a second. */
async function asked(page: Page): Promise<boolean> {
  return page.waitForRequest(/StatsService/, { timeout: 1_000 }).then(
    () => true,
    () => false,
  );
}

async function show(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate(
    `Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
     document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))`,
  );
}
