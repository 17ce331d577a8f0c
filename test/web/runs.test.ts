/** The list of runs: what it shows, how it is narrowed, and that it follows what happens. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("runs", () => {
  let lab: WebLab;
  let path: string;
  beforeAll(async () => {
    lab = await startWebLab();
    await lab.loadBuilds({ results: 600, tests: 20 });
    path = `/projects/${lab.server.projectId}/runs`;
  }, 60_000);
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (query = "", width = 1440) =>
    lab.open(`${path}${query}`, { token: lab.server.readToken, width });
  const send = (runId: string, status?: Status) =>
    lab.client.ingest.ingestRun({
      run: { runId, source: { branch: "live" }, ...(status === undefined ? {} : { status }) },
      results: [{ test: { name: "adds" }, status: Status.PASSED }],
    });

  it("shows the newest runs, in light and dark", async () => {
    const { runs } = await lab.client.stats.listRuns({ pageSize: 3 });
    await using opened = await open();
    const { page } = opened;
    const table = page.getByRole("table", { name: "Runs" });
    for (const { runId } of runs) await table.getByRole("link", { name: runId }).waitFor();
    const [first] = runs;
    const row = table.getByRole("row").nth(1);
    expect(await row.textContent()).toContain(first?.runId);
    expect(await row.textContent()).toContain(first?.source?.commitSha.slice(0, 8));
    await page.getByText("Live", { exact: true }).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await opened.violations()).toEqual([]);
    }
    expect(opened.complaints).toEqual([]);
  });

  it("is narrowed by its address, and shows no more than the window is wide", async () => {
    await using opened = await open("?branch=main&status=failed", 390);
    const { page } = opened;
    await page.getByRole("row").nth(1).waitFor();
    const [first] = await page.getByRole("row").nth(1).allTextContents();
    expect(first).toContain("Failed");
    expect(first).toContain("main");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    await page.getByLabel("Branch").fill("no such branch");
    await page.getByText("No run matches.").waitFor();
    expect(new URL(page.url()).searchParams.get("branch")).toBe("no such branch");
    await page.getByRole("button", { name: "Show all runs" }).click();
    await page.getByRole("row").nth(1).waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.getByText("More filters").click();
    await page.getByLabel("Label").fill("oops");
    await page.getByText("A label is written key=value").waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("suggests the branches of recent runs, and takes any other", async () => {
    const { runs } = await lab.client.stats.listRuns({ pageSize: 50 });
    const branches = [...new Set(runs.map(({ source }) => source?.branch))];
    expect(branches.length).toBeGreaterThan(1);
    for (const [at, label] of [
      [path, "Branch"],
      [path.replace("runs", "compare"), "Recent runs of branch"],
    ] as const) {
      await using opened = await lab.open(at, { token: lab.server.readToken });
      const box = opened.page.getByRole("combobox", { name: label });
      const list = opened.page.locator(`datalist[id="${await box.getAttribute("list")}"] option`);
      await expect
        .poll(() => list.evaluateAll((each) => each.map((one) => one.getAttribute("value"))))
        .toEqual(branches);
    }
  });

  it("finds the runs of a commit that was pasted with blanks around it", async () => {
    const { runs } = await lab.client.stats.listRuns({ pageSize: 1 });
    const commit = runs[0]?.source?.commitSha ?? "";
    await using opened = await open();
    const { page } = opened;
    await page.getByText("More filters").click();
    await page.getByLabel("Commit").fill(` ${commit} `);
    await expect.poll(() => new URL(page.url()).searchParams.get("commit")).toBe(commit);
    await page.getByRole("row").nth(1).waitFor();
    expect(await page.getByLabel("Commit").inputValue()).toBe(commit);
    expect(opened.complaints).toEqual([]);
  });

  it("filters by what is typed although the page does not stand still", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByRole("row").nth(1).waitFor();
    await page.evaluate(`setInterval(() => {
      const params = new URLSearchParams(location.search);
      params.set("tick", String(performance.now()));
      history.replaceState(null, "", "?" + params);
    }, 100)`);
    await page.getByLabel("Branch").fill("no such branch");
    await page.getByText("No run matches.").waitFor({ timeout: 5_000 });
  });

  it("goes on to older runs as the reader does", async () => {
    const { runs } = await lab.client.stats.listRuns({ pageSize: 1000 });
    expect(runs.length).toBeGreaterThan(50);
    await using opened = await open();
    const { page } = opened;
    const last = page.getByRole("link", { name: runs.at(-1)?.runId ?? "", exact: true });
    await expect
      .poll(
        async () => {
          await page.mouse.wheel(0, 3000);
          return last.count();
        },
        { timeout: 10_000 },
      )
      .toBe(1);
    expect(await page.getByRole("row").count()).toBeLessThan(50);
  });

  it("changes a run in its place as it finishes", async () => {
    await send("follows");
    await using opened = await open();
    const row = opened.page.getByRole("row").filter({ hasText: "follows" });
    await row.getByText("Running").waitFor();
    await send("follows", Status.PASSED);
    await row.getByText("Running").waitFor({ state: "detached" });
    expect(await row.textContent()).toContain("Passed");
  });

  it("holds a new run back while the reader is further down", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("row").nth(1).waitFor();
    await page.mouse.wheel(0, 900);
    await expect.poll(() => page.evaluate("window.scrollY")).toBeGreaterThan(500);
    const middle = page.getByRole("row").nth(15);
    // Its age may be told anew meanwhile.
    const whichAndWhere = async () => [
      await middle.getByRole("link").first().textContent(),
      await middle.boundingBox(),
    ];
    const before = await whichAndWhere();
    await send("comes later", Status.PASSED);
    const button = page.getByRole("button", { name: "1 new run" });
    await button.waitFor();
    expect(await whichAndWhere()).toEqual(before);
    await button.click();
    await page.getByRole("link", { name: "comes later" }).waitFor();
    expect(await button.count()).toBe(0);
  });

  it("compares two runs that are picked, by keyboard alone", async () => {
    const { runs } = await lab.client.stats.listRuns({ pageSize: 5, branch: "main" });
    await using opened = await open("?branch=main");
    const { page } = opened;
    const [head, base] = [runs[0]?.runId, runs[2]?.runId];
    for (const runId of [base, head]) {
      await page.getByRole("checkbox", { name: `Compare ${runId}`, exact: true }).focus();
      await page.keyboard.press("Space");
    }
    await page.getByRole("button", { name: "Compare 2 of 2" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Compare" }).waitFor();
    const { searchParams } = new URL(page.url());
    expect([searchParams.get("base"), searchParams.get("head")]).toEqual([base, head]);
  });

  it("shows the way to the first run, and the run when it comes", async () => {
    const { organizationId } = lab.server;
    const { tenancy } = lab.server.client();
    const { project } = await tenancy.createProject({ organizationId, name: "empty" });
    const projectId = project?.projectId ?? "";
    const scopes = [Scope.READ, Scope.INGEST];
    const { secret } = await tenancy.createToken({ projectId, name: "first", scopes });
    await using opened = await lab.open(`/projects/${projectId}/runs`, { token: secret });
    const { page } = opened;
    await page.getByText(`npx --no -- tally upload --url ${lab.server.url} report.xml`).waitFor();
    await page.getByText("This page shows the run as soon as it arrives.").waitFor();
    expect(await opened.violations()).toEqual([]);
    const report = await fetch(`${lab.server.url}/v1/runs/first/reports?format=junit`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: '<testsuite name="cart"><testcase name="adds" classname="cart"/></testsuite>',
    });
    expect(report.ok).toBe(true);
    await page.getByRole("link", { name: "first" }).waitFor();
    expect(opened.complaints).toEqual([]);
  });
});
