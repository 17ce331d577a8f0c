/** Every page by keyboard alone, for somebody who wants no motion. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyPage, fillHarmful, type HarmfulProject, whenShown } from "./every-page.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("by keyboard alone, without motion", () => {
  let lab: WebLab;
  let project: HarmfulProject;
  beforeAll(async () => {
    lab = await startWebLab();
    project = await fillHarmful(lab);
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it.each(everyPage)("%s is walked from its top to its end", async (_, path) => {
    await using opened = await lab.open("/healthz", { token: lab.server.adminToken });
    const { page } = opened;
    await page.addInitScript(COUNT_MOTIONS);
    await page.goto(new URL(path(project), lab.server.url).href);
    await whenShown(opened);

    await unfold(page);
    const { stops, count } = await walk(page);
    expect(stops.filter(({ at }) => at >= 0).map(({ at }) => at)).toEqual(
      Array.from({ length: count }, (_, at) => at),
    );
    expect(stops.filter(({ isSeen, hasRing }) => !isSeen || !hasRing)).toEqual([]);

    const openers = page.locator("[aria-haspopup=dialog]:enabled");
    for (let at = 0; at < (await openers.count()); at++) {
      const opener = openers.nth(at);
      await opener.focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      for (let tabs = 0; tabs < 8; tabs++) {
        await page.keyboard.press("Tab");
        expect(await page.evaluate(IS_BEHIND_DIALOG)).toBe(false);
      }
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      expect(await opener.evaluate(isFocused)).toBe(true);
    }
    expect(await page.evaluate("[motions, document.getAnimations().length]")).toEqual([[], 0]);
  });
});

/** What begins to move is remembered, from before the first script of the page on. */
const COUNT_MOTIONS = `
  globalThis.motions = [];
  for (const type of ["animationstart", "transitionrun"]) {
    addEventListener(type, ({ target }) => motions.push(type + " " + target.className), true);
  }`;

const IS_BEHIND_DIALOG =
  "document.activeElement !== document.body && document.activeElement.closest('dialog') === null";

/** Opens what is folded, by its key. */
async function unfold(page: Page): Promise<void> {
  const folded = page.locator("main summary, main [aria-expanded=false]");
  for (const each of await folded.elementHandles()) {
    if (await each.evaluate(isUnfolded)) continue;
    await each.focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => each.evaluate(isUnfolded)).toBe(true);
  }
}

/** As far as the functions below, which run in the page, need to know an element. */
interface PageElement {
  readonly ariaExpanded: string | null;
  readonly ownerDocument: { readonly activeElement: unknown };
  closest(selector: "details"): { readonly open: boolean } | null;
}

function isUnfolded(element: unknown): boolean {
  const { ariaExpanded } = element as PageElement;
  if (ariaExpanded !== null) return ariaExpanded === "true";
  return (element as PageElement).closest("details")?.open === true;
}

function isFocused(element: unknown): boolean {
  return element === (element as PageElement).ownerDocument.activeElement;
}

interface Stop {
  /** Its place among those that can be reached, in their order on the page; -1 for what scrolls. */
  readonly at: number;
  readonly name: string;
  readonly isSeen: boolean;
  readonly hasRing: boolean;
}

/** Presses Tab from the first control on, until the focus has left the page; `count` is how many controls and links the page has. */
async function walk(page: Page): Promise<{ readonly stops: Stop[]; readonly count: number }> {
  const count = (await page.evaluate(FIND_CONTROLS)) as number;
  await page.evaluate("controls[0].focus()");
  const stops: Stop[] = [];
  // A field for a day has four stops of its own.
  for (let tabs = 0; tabs < 4 * count + 20; tabs++) {
    const stop = (await page.evaluate(LOOK_AT_FOCUS)) as Stop | null;
    if (stop === null || (stop.at === 0 && stops.length > 0)) break;
    if (stop.at < 0 || stop.at !== stops.at(-1)?.at) stops.push(stop);
    await page.keyboard.press("Tab");
  }
  return { stops, count };
}

const FIND_CONTROLS = `
  globalThis.controls = [...document.querySelectorAll(
    "a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex='0']",
  )].filter((element) => element.checkVisibility() && element.tabIndex >= 0 && !element.matches(
    // Of those that exclude each other the chosen one is reached, and arrows lead to the others.
    "[type=radio]:not(:checked)",
  ));
  controls.length`;

const LOOK_AT_FOCUS = `
  (() => {
    const focused = document.activeElement;
    if (focused === null || focused === document.body) return null;
    const { top, bottom } = focused.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(focused);
    return {
      at: controls.indexOf(focused),
      name: focused.outerHTML.slice(0, 200),
      isSeen: bottom > 0 && top < innerHeight,
      hasRing: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    };
  })()`;
