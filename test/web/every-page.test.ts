/** Every page, with data that means harm, where the window is narrow. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyPage, fillHarmful, type HarmfulProject, whenShown } from "./every-page.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("every page", () => {
  let lab: WebLab;
  let project: HarmfulProject;
  beforeAll(async () => {
    lab = await startWebLab();
    project = await fillHarmful(lab);
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it.each(everyPage)("%s is harmless, accessible, and as wide as the window", async (_, path) => {
    const width = 390;
    await using opened = await lab.open(path(project), { token: lab.server.adminToken, width });
    const { page } = opened;
    await whenShown(opened);
    expect(await page.evaluate("document.querySelectorAll('[href^=\"javascript:\"]').length")).toBe(
      0,
    );
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    // Of the row of links, the one that leads here is in sight.
    const here = page.locator("nav [aria-current=page]");
    if ((await here.count()) > 0) {
      const { x, width: length } = (await here.boundingBox()) ?? { x: -1, width: 0 };
      expect([x >= 0, x + length <= width]).toEqual([true, true]);
    }
    expect(await opened.violations()).toEqual([]);
    const tree = await page.locator("body").ariaSnapshot();
    const buttons = tree.split("\n").filter((line) => line.trim().startsWith("- button"));
    expect(buttons.filter((line, at) => buttons.indexOf(line) < at)).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
});
