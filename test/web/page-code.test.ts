/** The code of a page comes when the page is opened. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../src/web/routes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("the code of a page", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("that cannot be had leaves the other pages", async () => {
    await using opened = await lab.open(paths.tests(lab.server.projectId), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    await page.getByRole("heading", { name: "Tests", exact: true }).waitFor();
    await page.route("**/assets/flaky-page-*.js", (route) => route.abort());
    await page.getByRole("link", { name: "Flaky", exact: true }).click();
    await page.getByText("This page cannot be shown").waitFor();
    await page.getByRole("link", { name: "Tests", exact: true }).click();
    await page.getByRole("heading", { name: "Tests", exact: true }).waitFor();
    expect(await page.getByText("This page cannot be shown").count()).toBe(0);
  });

  it("that could not be had comes with all its styles once it can", async () => {
    await using opened = await lab.open(paths.tests(lab.server.projectId), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    const go = (name: string) => page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name: "Tests", exact: true }).waitFor();
    await page.route("**/assets/**", (route) => route.abort());
    await go("Compare");
    await page.getByText("This page cannot be shown: its code did not come.").waitFor();
    await page.unroute("**/assets/**");
    await go("Tests");
    await go("Compare");
    await page.getByRole("heading", { name: "Compare" }).waitFor();
    const display = "getComputedStyle(document.querySelector('.run-pickers')).display";
    expect(await page.evaluate(display)).toBe("grid");
  });

  it("asks for what the page shows as soon as it is there", async () => {
    await using opened = await lab.open("/sign-in", { token: lab.server.readToken });
    const { page } = opened;
    // Whoever waits for a time to pass waits for ever.
    const now = Date.now();
    await page.clock.install({ time: now });
    await page.clock.pauseAt(now + 1_000);
    const asked = page.waitForRequest((request) => request.url().endsWith("/ListRejections"));
    await page.goto(lab.server.url + paths.rejections(lab.server.projectId));
    await asked;
    await page.clock.resume();
  });
});
