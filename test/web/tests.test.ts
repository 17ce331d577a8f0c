/** Pages of tests: the list, one test, the flaky ones, and what failed alike. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOSTILE_NAME, uploadShop } from "./builds.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("tests", () => {
  let lab: WebLab;
  const ids = new Map<string, string>();
  beforeAll(async () => {
    lab = await startWebLab();
    await uploadShop(lab);
    const { tests } = await lab.client.stats.listTests({ pageSize: 1000 });
    for (const { test, testId } of tests) ids.set(test?.name ?? "", testId);
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  const open = (path: string, options = {}) =>
    lab.open(`/projects/${lab.server.projectId}${path}`, {
      token: lab.server.readToken,
      ...options,
    });
  const testPath = (name: string) => `/test?id=${ids.get(name)}`;

  it("lists every test, of which only those in sight exist", async () => {
    await using opened = await open("/tests");
    const { page } = opened;
    await page.getByText("134 tests").waitFor();
    const rows = page.getByRole("table", { name: "Tests" }).getByRole("row");
    expect(await rows.count()).toBeLessThan(60);
    await expect
      .poll(async () => {
        await page.mouse.wheel(0, 3000);
        return page.getByRole("table", { name: "Tests" }).getAttribute("aria-rowcount");
      })
      .toBe("135");
    expect(opened.complaints).toEqual([]);
  });

  it.each([1440, 390])(
    "keeps rows apart where text is twice as large, %i pixels wide",
    async (width) => {
      for (const [path, role, name] of [
        ["/tests", "table", "Tests"],
        ["/runs", "table", "Runs"],
        ["/flaky", "list", "Flaky tests"],
      ] as const) {
        await using opened = await open(path, { width });
        const { page } = opened;
        const rows = page.getByRole(role, { name }).locator("[data-index]");
        await rows.first().waitFor();
        await page.evaluate("document.documentElement.style.fontSize = '32px'");
        const overlaps = () =>
          rows.evaluateAll((found) => {
            const boxes = found
              .map((row) => ({
                top: row.getBoundingClientRect().top,
                bottom: row.getBoundingClientRect().top + row.scrollHeight,
              }))
              .sort((a, b) => a.top - b.top);
            return boxes.filter(({ top }, i) => top < (boxes[i - 1]?.bottom ?? top) - 2).length;
          });
        await expect.poll(overlaps).toBe(0);
        if (path === "/tests") expect(await rows.count()).toBeGreaterThan(5);
      }
    },
  );

  it("orders and narrows the list by its address", async () => {
    await using opened = await open("/tests");
    const { page } = opened;
    const first = page.getByRole("row").nth(1);
    await page.getByLabel("Order").selectOption("flaky");
    await expect.poll(() => first.textContent()).toMatch(/^mails.*Flaky/);
    await page.getByLabel("Search").fill("ORDER 13");
    await page.getByText("2 tests").waitFor();
    expect(page.url()).toMatch(/sort=flaky&text=ORDER\+13/);
    await page.getByLabel("Search").fill("nothing like this");
    await page.getByRole("button", { name: "Clear the search" }).click();
    await page.getByText("134 tests").waitFor();
  });

  it("proves by links to both runs that a test is flaky", async () => {
    await using opened = await open(testPath("mails"));
    const { page } = opened;
    await page.getByText("It failed and passed on the same code.").waitFor();
    const contradiction = page.getByRole("list", { name: "Contradicting results" });
    const text = await contradiction.textContent();
    expect(text).toMatch(/^Failedmain 3, .*Passedsame run, attempt 2/);
    expect(text).toContain("Timeout 2000ms exceeded");
    await page.getByText("Recovery: 0 of 20 results").waitFor();
    await contradiction.getByRole("link", { name: "main 3", exact: true }).click();
    await page.waitForURL(/\/run\?id=main\+3/);
    expect(opened.complaints).toEqual([]);
  });

  it("says that a test is broken, with the message of each failure", async () => {
    await using opened = await open(testPath("pays"));
    const { page } = opened;
    await page.getByText("It only fails now: its newest run failed.").waitFor();
    const rows = page.getByRole("table", { name: "Results", exact: true }).getByRole("row");
    expect(await rows.nth(1).textContent()).toMatch(/^main 3.*Failed.*expected 402/);
    await page.getByText("3 days as a table").click();
    const days = page.getByRole("group", { name: "Days of the test" }).getByRole("row");
    expect(await days.count()).toBe(4);
  });

  it("goes through the history of a test by keyboard", async () => {
    await using opened = await open(testPath("mails"));
    const { page } = opened;
    const marks = page.getByRole("list", { name: "Results, oldest first" }).getByRole("link");
    await marks.first().waitFor();
    expect(await marks.evaluateAll(labels)).toEqual([
      expect.stringMatching(/^Passed, main 1/),
      expect.stringMatching(/^Passed, main 2/),
      expect.stringMatching(/^Passed, attempt 2, main 3/),
      expect.stringMatching(/^Failed, flaky, main 3/),
    ]);
    await marks.last().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/run\?id=main\+2/);
  });

  it("shows a hostile name as text", async () => {
    await using opened = await open(testPath(HOSTILE_NAME));
    const { page } = opened;
    await page.getByText("Its newest run passed").waitFor();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain(
      `<img src=x onerror="document.title='harmed'"> ⟨U+202E⟩gnp.`,
    );
    expect(await page.title()).not.toBe("harmed");
    expect(opened.complaints).toEqual([]);
  });

  it("says that a test is not known", async () => {
    await using opened = await open(`/test?id=${"0".repeat(32)}`);
    await opened.page.getByText("This test is not known.").waitFor();
    await using unnamed = await open("/test");
    await unnamed.page.getByText("No test is named.").waitFor();
  });

  it("opens the evidence of a flaky test by keyboard", async () => {
    await using opened = await open("/flaky");
    const { page } = opened;
    const button = page.getByRole("button", { name: "mails" });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByText("Timeout 2000ms exceeded").waitFor();
    expect(await button.getAttribute("aria-expanded")).toBe("true");
    await page.getByLabel("Verdict").selectOption("recovered");
    await page.getByText("No test was flaky in this window.").waitFor();
    expect(page.url()).toContain("verdict=recovered");
    expect(opened.complaints).toEqual([]);
  });

  it("gathers what failed alike, with an example", async () => {
    await using opened = await open("/failures");
    const { page } = opened;
    const group = page.getByRole("button", { name: "expected <n> to equal <n>" });
    expect(await group.textContent()).toMatch(/2failures1test2runs/);
    await group.click();
    await page.getByText("expected 402 to equal 200").waitFor();
    await page.getByRole("link", { name: "main 2" }).click();
    await page.waitForURL(/\/run\?id=main\+2/);
    expect(opened.complaints).toEqual([]);
  });

  it("shows the failures of one run alone", async () => {
    await using opened = await open("/failures?run=main+2");
    const { page } = opened;
    await page.getByText("Only of run").waitFor();
    const groups = page.getByRole("list", { name: "Groups of failures" }).getByRole("listitem");
    await expect.poll(() => groups.count()).toBe(1);
    await page.getByRole("button", { name: "Show all runs" }).click();
    await expect.poll(() => groups.count()).toBe(3);
  });

  const schemes = ["light", "dark"] as const;
  it.each(
    ["/tests", "/test", "/flaky", "/failures"].flatMap((path) =>
      schemes.map((colorScheme) => ({ path, colorScheme })),
    ),
  )("has no fault that axe finds: $path, $colorScheme", async ({ path, colorScheme }) => {
    const width = path === "/test" ? 390 : 1440;
    await using opened = await open(path === "/test" ? testPath("mails") : path, {
      colorScheme,
      width,
    });
    const { page } = opened;
    if (path === "/tests") await page.getByText("134 tests").waitFor();
    else if (path === "/test") await page.getByText("Recovery: 0 of 20").waitFor();
    else await page.locator("[aria-expanded]").first().click();
    expect(await opened.violations()).toEqual([]);
    const shown = await page.evaluate("document.documentElement.scrollWidth");
    expect(shown).toBeLessThanOrEqual(width);
  });
});

/** Runs in the page. */
function labels(elements: readonly { getAttribute(name: string): string | null }[]) {
  return elements.map((element) => element.getAttribute("aria-label"));
}
