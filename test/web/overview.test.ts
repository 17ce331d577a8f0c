/** The overview: what broke, how it develops, and what happens now. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { uploadBuild, uploadShop } from "./builds.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("overview", () => {
  let lab: WebLab;
  let path: string;
  beforeAll(async () => {
    lab = await startWebLab();
    await uploadShop(lab);
    path = `/projects/${lab.server.projectId}`;
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  const open = (at = path, options = {}) =>
    lab.open(at, { token: lab.server.readToken, ...options });

  it("says what broke in the newest run of the main branch, news first", async () => {
    await using opened = await open();
    const broke = part(opened.page, "What broke");
    await broke.getByText("1 newly failing").waitFor();
    expect(await broke.getByRole("link", { name: "main 3" }).count()).toBe(1);
    expect(await broke.getByRole("listitem").allTextContents()).toEqual([
      'Newlylogs intest/shop.test.ts › shopexpected "a" to be "b"',
      "Stillpaystest/shop.test.ts › shopexpected 402 to equal 200",
    ]);
    expect(opened.complaints).toEqual([]);
  });

  it("shows the figures of the window, with their intervals", async () => {
    await using opened = await open();
    const { page } = opened;
    // 142 results, of which 138 passed.
    await page.getByText("97.2 %").waitFor();
    const { passRate } = await lab.client.stats.getProjectStats({});
    expect([passRate?.numerator, passRate?.denominator]).toEqual([138n, 142n]);
    expect(await page.getByTitle("138 of 142").getAttribute("title")).toMatch(/95 % interval/);
    expect(await part(page, "Flakiest tests").getByRole("listitem").textContent()).toContain(
      "mails",
    );
    const slowest = part(page, "Slowest tests").getByRole("listitem");
    await expect.poll(() => slowest.count()).toBe(5);
    await expect.poll(() => part(page, "Ingestion").textContent()).toContain("Accepted142 ");
    const figures = page.getByRole("table", { name: "Runs by day" }).getByRole("row");
    expect(await figures.count()).toBe(31);
  });

  it("asks for what stands below once the top is there, or has failed", async () => {
    for (const outcome of ["continue", "abort"] as const) {
      await using opened = await open("/");
      const { page } = opened;
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url().split("/").at(-1) ?? ""));
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      await page.route("**/QueryTimeSeries*", async (route) => {
        await released;
        await route[outcome]();
      });
      await page.goto(lab.server.url + path);
      await page.getByText("97.2 %").waitFor();
      await part(page, "What broke").getByText("1 newly failing").waitFor();
      expect(asked).not.toContain("ListFlakyTests");
      release();
      await part(page, "Flakiest tests").getByText("mails").waitFor();
      expect(asked).toEqual(expect.arrayContaining(["ListFlakyTests", "ListTests"]));
    }
  });

  it("narrows to a branch that stays in the address", async () => {
    await using opened = await open();
    const { page } = opened;
    const newest = part(page, "Newest runs");
    await newest.getByText("main 3").waitFor();
    await page.getByLabel("Branch").fill("change");
    await page.waitForURL(/branch=change/);
    await expect.poll(() => newest.getByRole("listitem").count()).toBe(1);
    await page.reload();
    await newest.getByText("change 1").waitFor();
    expect(await newest.getByRole("listitem").count()).toBe(1);
    await part(page, "What broke").getByText("Nothing fails.").waitFor();
    await page
      .getByTitle(/^1 of 1, /)
      .first()
      .waitFor();
    expect(await part(page, "Flakiest tests").textContent()).toContain("of all branches");
  });

  it("shows a run as it happens, and nothing moves", async () => {
    await using opened = await open();
    const { page } = opened;
    await part(page, "Ingestion").getByText("Accepted").waitFor();
    await part(page, "What broke").getByText("1 newly failing").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    const places = () =>
      Promise.all(
        ["What broke", "Over time", "Ingestion"].map((title) =>
          page.getByRole("heading", { name: title }).boundingBox(),
        ),
      );
    const before = await places();
    const build = { runId: "main 4", hoursAgo: 0, results: [{ name: "logs in" }] };
    await uploadBuild(lab.client, { ...build, isRunning: true });
    const row = part(page, "Newest runs").getByRole("listitem").filter({ hasText: "main 4" });
    await row.getByText("Running").waitFor();
    await uploadBuild(lab.client, {
      ...build,
      results: [{ name: "pays", status: Status.FAILED, message: "still" }],
    });
    await row.getByText("Failed", { exact: true }).waitFor();
    await part(page, "What broke").getByRole("link", { name: "main 4" }).waitFor();
    expect(await places()).toEqual(before);
    expect(opened.complaints).toEqual([]);
  });

  it("says what to do where a part of it cannot be answered, and shows the rest", async () => {
    await using opened = await open(`${path}/flaky`);
    const { page } = opened;
    await page.route("**/QueryTimeSeries*", (route) =>
      route.fulfill({ status: 500, json: { code: "internal", message: "the disk is full" } }),
    );
    // Of a branch on which nothing happens: where something does, the page asks again by itself.
    await page.goto(new URL(`${path}?branch=change`, lab.server.url).href);
    const alert = page.getByRole("alert").filter({ hasText: "the disk is full" });
    await alert.waitFor();
    await page.getByText("Accepted").waitFor();
    await page.unroute("**/QueryTimeSeries*");
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Pass rate of results", { exact: true }).waitFor();
    expect(await alert.count()).toBe(0);
  });

  it("says that the runs cannot be listed, and asks for them again", async () => {
    await using opened = await open(`${path}/flaky`);
    const { page } = opened;
    await page.route("**/ListRuns", (route) =>
      route.fulfill({ status: 500, json: { code: "internal", message: "the disk is full" } }),
    );
    await page.goto(new URL(`${path}?branch=change`, lab.server.url).href);
    const [broke, newest] = [part(page, "What broke"), part(page, "Newest runs")];
    for (const each of [broke, newest]) {
      await each.getByText("the disk is full").waitFor();
      expect(await each.getByRole("status", { name: "Loading" }).count()).toBe(0);
    }
    await page.unroute("**/ListRuns");
    await newest.getByRole("button", { name: "Try again" }).click();
    await newest.getByText("change 1").waitFor();
    await broke.getByText("Nothing fails.").waitFor();
    for (const each of [broke, newest]) expect(await each.getByRole("alert").count()).toBe(0);
  });

  it("tells an empty project how to send a run, and shows it when it comes", async () => {
    const { tenancy } = lab.server.client();
    const { organizationId } = lab.server;
    const { project } = await tenancy.createProject({ organizationId, name: "empty" });
    const projectId = project?.projectId ?? "";
    const { secret } = await tenancy.createToken({
      projectId,
      name: "all",
      scopes: [Scope.INGEST, Scope.READ],
    });
    await using opened = await lab.open(`/projects/${projectId}`, { token: secret });
    const { page } = opened;
    await page.getByText("No run has arrived yet").waitFor();
    expect(await opened.violations()).toEqual([]);
    await uploadBuild(lab.server.client(secret), {
      runId: "the first",
      hoursAgo: 0,
      results: [{ name: "adds" }, { name: "pays", status: Status.FAILED }],
    });
    await part(page, "Newest runs").getByText("the first").waitFor();
    const failing = part(page, "What broke").getByRole("listitem");
    expect(await failing.textContent()).toMatch(/^Failingpays/);
  });

  it.each([
    { colorScheme: "light", width: 1440 },
    { colorScheme: "dark", width: 1440 },
    { colorScheme: "light", width: 390 },
  ])("has no fault that axe finds: $colorScheme, $width", async (options) => {
    await using opened = await open(path, options);
    await part(opened.page, "Ingestion").getByText("Accepted").waitFor();
    await part(opened.page, "What broke").getByRole("listitem").first().waitFor();
    expect(await opened.violations()).toEqual([]);
    const width = await opened.page.evaluate("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(options.width);
  });
});

/** The part of the page below this heading. */
function part(page: Page, title: string) {
  return page.locator("section").filter({ has: page.getByRole("heading", { name: title }) });
}
