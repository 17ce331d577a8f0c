/** Signing in and out, and what surrounds the pages. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("session", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("takes a token for the tab alone, and forgets it at sign-out", async () => {
    await using opened = await lab.open("/");
    const { page } = opened;
    await page.getByLabel("Token").fill(lab.server.readToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "Runs", exact: true }).waitFor();
    const kept = () =>
      page.evaluate("[sessionStorage.length, localStorage.getItem('tally.token')]");
    expect(await kept()).toEqual([1, null]);
    expect(page.url()).not.toContain(lab.server.readToken);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
    expect(await kept()).toEqual([0, null]);
    expect(opened.complaints).toEqual([]);
  });

  /** Signs in for all tabs; another one. */
  async function keepSignedIn(page: Page): Promise<Page> {
    await page.getByLabel("Token").fill(lab.server.readToken);
    await page.getByLabel("Keep me signed in").check();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "Runs", exact: true }).waitFor();
    const tab = await page.context().newPage();
    await tab.goto(lab.server.url);
    return tab;
  }

  it("keeps a token on the device if asked to", async () => {
    await using opened = await lab.open("/");
    const { page } = opened;
    const tab = await keepSignedIn(page);
    await tab.getByRole("link", { name: "Runs", exact: true }).waitFor();
    await tab.close();
  });

  it("ends in every tab that the token was kept for", async () => {
    await using opened = await lab.open("/");
    const { page } = opened;
    const tab = await keepSignedIn(page);
    await tab.getByRole("button", { name: "Sign out" }).click();
    await tab.close();
    await page.getByText("You have signed out in another tab.").waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("says what is wrong with a token", async () => {
    await using opened = await lab.open("/");
    const { page } = opened;
    for (const [token, said] of [
      ["two words", "has no blanks"],
      ["tly_proj_unknown", "is not taken"],
    ] as const) {
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").getByText(said).waitFor();
    }
  });

  it("says what a token lacks that may not read, and leads to no page", async () => {
    const { tenancy } = lab.server.client();
    const { projectId } = lab.server;
    const scopes = [Scope.INGEST];
    const { secret } = await tenancy.createToken({ projectId, name: "ingest", scopes });
    await using opened = await lab.open("/", { token: secret });
    const { page } = opened;
    await page.getByRole("heading", { name: "This token may not read" }).waitFor();
    expect(await page.getByRole("navigation").getByRole("link").count()).toBe(0);
  });

  it("says that a token was revoked while the page was open", async () => {
    const { tenancy } = lab.server.client();
    const { projectId } = lab.server;
    const { token, secret } = await tenancy.createToken({ projectId, name: "short", scopes: [2] });
    await using opened = await lab.open("/", { token: secret });
    const { page } = opened;
    await page.getByRole("link", { name: "Runs", exact: true }).waitFor();
    await tenancy.revokeToken({ tokenId: token?.tokenId ?? "" });
    // Its stream of runs ends.
    await page.getByText("The server does not take this any more").waitFor();
  });

  it("says that a token lacks the scope to read", async () => {
    await using opened = await lab.open("/", { token: lab.server.ingestToken });
    await opened.page.getByText("lacks the scope READ").waitFor();
    expect(await opened.violations()).toEqual([]);
  });

  it("has no fault that axe finds, in either scheme, wide or narrow", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await using opened = await lab.open("/", { colorScheme, width: 390 });
      await opened.page.getByLabel("Token").waitFor();
      expect(await opened.violations()).toEqual([]);
    }
  });

  it("is reached by keyboard from the top: skip link, then navigation", async () => {
    await using opened = await lab.open("/", { token: lab.server.readToken });
    const { page } = opened;
    await page.getByRole("link", { name: "Runs", exact: true }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
  });
});
