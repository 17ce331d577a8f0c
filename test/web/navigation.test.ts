/** Going from page to page, and back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../src/web/routes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("going from page to page", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
    await lab.loadBuilds({ results: 600, tests: 60 });
  }, 60_000);
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("begins a page at its top, and comes back to where it was left", async () => {
    await using opened = await lab.open(paths.tests(lab.server.projectId), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    const scrolled = (): Promise<number> => page.evaluate("scrollY");
    const go = (name: string) => page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("row").nth(1).waitFor();
    await go("Runs");
    await page.getByRole("table", { name: "Runs" }).getByRole("row").nth(1).waitFor();
    await page.mouse.wheel(0, 900);
    let left = -1;
    const isAtRest = async () => {
      const before = left;
      left = await scrolled();
      return left > 300 && left === before;
    };
    await expect.poll(isAtRest).toBe(true);
    await go("Tests");
    await page.getByRole("table", { name: "Tests" }).waitFor();
    expect(await scrolled()).toBe(0);
    await page.goBack();
    await page.getByRole("table", { name: "Runs" }).waitFor();
    await expect.poll(scrolled).toBe(left);
  });

  it("leads the focus to the page where the link that was followed is gone", async () => {
    await using opened = await lab.open(paths.runs(lab.server.projectId), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    await page.locator(".run-link").first().focus();
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Parts of this page" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
  });

  it("says that the projects of an admin could not be listed, and asks again", async () => {
    const { adminToken, projectId, url } = lab.server;
    await using opened = await lab.open("/healthz", { token: adminToken });
    const { page } = opened;
    await page.route("**/ListProjects", (route) =>
      route.fulfill({ status: 500, json: { code: "internal", message: "the disk is full" } }),
    );
    await page.goto(`${url}${paths.runs(projectId)}`);
    const bar = page.getByRole("banner");
    await bar.getByRole("alert").getByText("The projects could not be listed.").waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.unroute("**/ListProjects");
    await bar.getByRole("button", { name: "Try again" }).click();
    await bar.getByRole("combobox", { name: "Project" }).waitFor();
    expect(await bar.getByRole("alert").count()).toBe(0);
  });
});
