/** What is shown while the server takes its time. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { paths } from "../../src/web/routes.js";
import { uploadBuild } from "./builds.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("while the server takes its time", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
    const { FAILED } = Status;
    await uploadBuild(lab.client, { runId: "good", hoursAgo: 2, results: [{ name: "a" }] });
    await uploadBuild(lab.client, {
      runId: "bad",
      hoursAgo: 1,
      results: [{ name: "a", status: FAILED }],
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("an answer to an earlier question is marked as such", async () => {
    await using opened = await lab.open(paths.runs(lab.server.projectId), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    const table = page.getByRole("table", { name: "Runs" });
    const outdated = page.locator("main [aria-busy=true]").filter({ has: table });
    await table.getByRole("link", { name: "good" }).waitFor();
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/ListRuns*", async (route) => {
      await asked;
      await route.continue();
    });
    await page.getByLabel("Status").selectOption("failed");
    await outdated.waitFor({ state: "attached" });
    const opacity = "getComputedStyle(document.querySelector('.table-place')).opacity";
    await expect.poll(() => page.evaluate(opacity)).toBe("0.5");
    answer();
    await outdated.waitFor({ state: "detached" });
    expect(await table.getByRole("link", { name: "good" }).count()).toBe(0);
    expect(opened.complaints).toEqual([]);
  });

  it("says that a server is away, and what to do, until it is there again", async () => {
    await using opened = await lab.open("/sign-in", { token: lab.server.readToken });
    const { page } = opened;
    await page.route("**/ListRuns*", (route) => route.abort("connectionrefused"));
    await page.goto(new URL(paths.runs(lab.server.projectId), lab.server.url).href);
    await page.getByText("The server cannot answer now: it cannot be reached.").waitFor();
    await page.unroute("**/ListRuns*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: "good" }).waitFor();
  });

  it("nobody looks at an empty window", async () => {
    await using opened = await lab.open("/sign-in", { token: lab.server.readToken });
    const { page } = opened;
    await page.route("**/GetCaller", () => {});
    await page.goto(lab.server.url);
    await page.getByText("The server is asked who you are").waitFor();
    expect(await opened.violations()).toEqual([]);
  });
});
