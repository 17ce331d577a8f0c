/** The comparison of two runs. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("compare", () => {
  let lab: WebLab;
  const { PASSED, FAILED, SKIPPED } = Status;
  beforeAll(async () => {
    lab = await startWebLab();
    const common = { steady: PASSED, "still broken": FAILED };
    await send("one", "main", { ...common, breaks: PASSED, mends: FAILED, leaves: SKIPPED });
    await send("two", "main", { ...common, breaks: FAILED, mends: PASSED, comes: FAILED });
    await send("aside", "topic", { steady: FAILED });
  }, 60_000);
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (query: string, width = 1440) =>
    lab.open(`/projects/${lab.server.projectId}/compare${query}`, {
      token: lab.server.readToken,
      width,
    });
  const send = (runId: string, branch: string, tests: Readonly<Record<string, Status>>) =>
    lab.client.ingest.ingestRun({
      run: { runId, source: { branch }, status: FAILED },
      results: Object.entries(tests).map(([name, status]) => ({
        test: { name },
        status,
        ...(status === FAILED ? { failure: { message: `${name}: expected 1 to be 2` } } : {}),
      })),
    });

  it("compares the newest two runs of the default branch, in six lists", async () => {
    await using opened = await open("");
    const { page } = opened;
    const lists = page.getByRole("navigation", { name: "Changes" });
    const table = page.getByRole("table");
    await table.getByText("breaks: expected 1 to be 2").waitFor();
    expect(await lists.getByRole("link").allTextContents()).toEqual([
      "Newly failing1",
      "Still failing1",
      "Fixed1",
      "Added1",
      "Missing1",
      "Slower0",
    ]);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await opened.violations()).toEqual([]);
    }
    for (const [list, test] of [
      ["Still failing", "still broken"],
      ["Fixed", "mends"],
      ["Missing", "leaves"],
      ["Added", "comes"],
    ] as const) {
      await lists.getByRole("link", { name: list }).click();
      await table.getByRole("link", { name: test }).waitFor();
    }
    await page.getByText("1 added test fails.").waitFor();
    await table.getByRole("link", { name: "comes" }).click();
    expect(new URL(page.url()).searchParams.get("id")).toMatch(/^[0-9a-f]{32}$/);
    expect(opened.complaints).toEqual([]);
  });

  it("waits for the default branch, and takes no runs of others for its own", async () => {
    await using opened = await lab.open("/healthz", { token: lab.server.adminToken });
    const { page } = opened;
    let comparisons = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/CompareRuns")) comparisons++;
    });
    const ofAll = page.waitForResponse((response) => response.url().endsWith("/ListRuns"));
    await page.route(/\/ListProjects$/, async (route) => {
      await ofAll;
      await route.continue();
    });
    await page.goto(new URL(`/projects/${lab.server.projectId}/compare`, page.url()).href);
    await page.getByRole("table").getByRole("link", { name: "breaks" }).waitFor();
    expect(comparisons).toBe(1);
  });

  it("swaps the runs, and takes any other by its id", async () => {
    await using opened = await open("", 390);
    const { page } = opened;
    await page.getByText("Passed").first().waitFor();
    await page.getByRole("button", { name: "Swap base and head" }).click();
    await page.getByRole("link", { name: "mends" }).waitFor();
    const { searchParams } = new URL(page.url());
    expect([searchParams.get("base"), searchParams.get("head")]).toEqual(["two", "one"]);
    const head = page.getByRole("region", { name: "Head run" });
    await head.getByLabel("or run id").fill("aside");
    await head.getByRole("link", { name: "aside" }).waitFor();
    await page.getByRole("link", { name: "steady" }).waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    expect(await opened.violations()).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("says that a run does not exist, and that a branch has no two runs", async () => {
    await using opened = await open("?base=one&head=nowhere");
    const { page } = opened;
    await page
      .getByRole("alert")
      .getByText(/not found|no run|no such/i)
      .waitFor();
    await page.goto(page.url().replace(/\?.*/, "?branch=topic"));
    await page.getByText("There are no two runs to compare.").waitFor();
    expect(await opened.violations()).toEqual([]);
  });

  it("says that the projects of an admin, whose branches are looked at, cannot be listed", async () => {
    const { adminToken, projectId, url } = lab.server;
    await using opened = await lab.open("/healthz", { token: adminToken });
    const { page } = opened;
    await page.route("**/ListProjects", (route) =>
      route.fulfill({ status: 500, json: { code: "internal", message: "the disk is full" } }),
    );
    await page.goto(`${url}/projects/${projectId}/compare`);
    const alert = page.getByRole("main").getByRole("alert");
    await alert.getByText("the disk is full").waitFor();
    await page.unroute("**/ListProjects");
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("table").getByText("breaks: expected 1 to be 2").waitFor();
    expect(await alert.count()).toBe(0);
  });
});
