/** The pages of settings and of the installation. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { violationsInBoth } from "./both-schemes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("tenancy", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const press = (place: Pick<Page, "getByRole">, name: string) =>
    place.getByRole("button", { name, exact: true }).click();

  it("changes settings, and makes and revokes a token whose secret is shown once", async () => {
    await using opened = await lab.open(`/projects/${lab.server.projectId}/settings`, {
      token: lab.server.allToken,
    });
    const { page } = opened;
    await page.getByLabel("Days that results are kept").fill("40");
    await press(page, "Save");
    await page.getByText("Saved.").waitFor();
    const { project } = await lab.client.tenancy.getProject({});
    expect(project?.settings?.retentionDays).toBe(40);
    await page.getByLabel("Days that results are kept").fill("99999");
    await page.getByText("A whole number from 0 to 36,500").waitFor();
    await page.getByLabel("Name").last().fill("nightly builds");
    await press(page, "Create token");
    const secret = await page.locator(".secret code").textContent();
    expect(secret).toMatch(/^tly_proj_/);
    expect(await violationsInBoth(opened)).toEqual([]);
    await press(page, "I have kept it");
    expect(await page.content()).not.toContain(secret);
    const row = page.getByRole("row", { name: "nightly builds" });
    await row.getByRole("button", { name: "Revoke" }).click();
    await press(page, "Revoke it");
    await row.getByText("Revoked").waitFor();
    const own = lab.server.client(secret ?? "").tenancy;
    await expect(own.getCaller({})).rejects.toThrow(/revoked/);
    expect(opened.complaints).toEqual([]);
  });

  it("leaves the focus on a button whose work is under way, and takes no second press", async () => {
    const { projectId, allToken } = lab.server;
    await using opened = await lab.open(`/projects/${projectId}/settings`, { token: allToken });
    const { page } = opened;
    const sent: string[] = [];
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/UpdateProject", async (route) => {
      sent.push(route.request().url());
      await answered;
      await route.continue();
    });
    await page.getByLabel("Days that results are kept").fill("50");
    const save = page.getByRole("button", { name: "Save", exact: true });
    await save.press("Enter");
    await page.locator("button[aria-busy=true]").waitFor();
    await page.keyboard.press("Enter");
    await page.getByLabel("Days that results are kept").press("Enter");
    await save.focus();
    answer();
    await page.getByText("Saved.").waitFor();
    expect(sent).toHaveLength(1);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Save");
  });

  it("saves what was edited here, and leaves what somebody else changed meanwhile", async () => {
    const { projectId, allToken } = lab.server;
    await using opened = await lab.open(`/projects/${projectId}/settings`, { token: allToken });
    const { page } = opened;
    const branch = page.getByLabel("Default branch");
    await branch.fill("trunk");
    await lab.client.tenancy.updateProject({
      project: { projectId, settings: { retentionDays: 70 } },
      updateMask: { paths: ["settings.retention_days"] },
    });
    // A new token has the page ask anew for all that it shows.
    await page.getByLabel("Name").last().fill("meanwhile");
    await press(page, "Create token");
    await press(page, "I have kept it");
    const kept = page.getByLabel("Days that results are kept");
    await expect.poll(() => kept.inputValue()).toBe("70");
    expect(await branch.inputValue()).toBe("trunk");
    await press(page, "Save");
    await page.getByText("Saved.").waitFor();
    const { project } = await lab.client.tenancy.getProject({});
    expect(project?.settings).toMatchObject({ defaultBranch: "trunk", retentionDays: 70 });
    await branch.fill("other");
    await press(page, "Undo changes");
    expect(await branch.inputValue()).toBe("trunk");
    expect(opened.complaints).toEqual([]);
  });

  it("deletes a project once its name was typed as it is shown", async () => {
    const { tenancy } = lab.server.client();
    const { organization } = await tenancy.createOrganization({ name: "Blanks" });
    const organizationId = organization?.organizationId ?? "";
    await tenancy.createProject({ organizationId, name: "two  blanks\nand a line" });
    await using opened = await lab.open("/installation", { token: lab.server.adminToken });
    const { page } = opened;
    const project = page.getByRole("listitem").filter({ hasText: "two blanks and a line" });
    await project.getByRole("button", { name: /^Delete project/ }).click();
    await page.getByLabel("Type its name to confirm").fill("two blanks and a line");
    await press(page, "Delete it");
    await project.waitFor({ state: "detached" });
    expect(opened.complaints).toEqual([]);
  });

  it("asks a server that is there, also where the browser takes itself to be offline", async () => {
    await using opened = await lab.open(`/projects/${lab.server.projectId}/flaky`, {
      token: lab.server.allToken,
    });
    const { page } = opened;
    await page.getByRole("heading", { name: "Flaky tests" }).waitFor();
    await page.evaluate("window.dispatchEvent(new Event('offline'))");
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByLabel("Days that events are kept").fill("50");
    await press(page, "Save");
    await page.getByText("Saved.").waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("renames a project of which the token is, wherever its name stands", async () => {
    await using opened = await lab.open(`/projects/${lab.server.projectId}/settings`, {
      token: lab.server.allToken,
    });
    const { page } = opened;
    const chosen = page.getByRole("combobox", { name: "Project" }).locator("option:checked");
    // Before the settings are there, the first name on the page is that of a new token.
    await page.getByLabel("Default branch").waitFor();
    await page.getByLabel("Name").first().fill("renamed");
    await press(page, "Save");
    await expect.poll(() => chosen.textContent()).toBe("renamed");
  });

  it("leads from a new organization to the first command, and deletes both once their names are typed", async () => {
    await using opened = await lab.open("/installation", { token: lab.server.adminToken });
    const { page } = opened;
    await page.getByText("Ready", { exact: true }).waitFor();
    await page.getByLabel("New organization").fill("Acme <b>");
    await press(page, "Create organization");
    const card = page.getByRole("article").filter({ hasText: "Acme <b>" });
    await card.getByLabel("New project").fill("cart");
    await press(card, "Create project in Acme <b>");
    await press(page, "Create a token for builds");
    await page.getByText("npx --no -- tally upload").waitFor();
    const secret = (await page.locator(".secret code").textContent()) ?? "";
    const { token } = await lab.server.client(secret).tenancy.getCaller({});
    expect(token?.scopes).toEqual([Scope.INGEST, Scope.READ]);
    expect(await violationsInBoth(opened)).toEqual([]);
    await press(page, "I have kept it");
    await card.getByLabel("New project").fill("second");
    await press(card, "Create project in Acme <b>");
    await press(page, "Not now");
    const second = card.getByRole("listitem").filter({ hasText: "second" });
    await press(second, "Delete project second");
    await page.getByLabel("Type its name").fill("second");
    await press(page, "Delete it");
    await second.waitFor({ state: "detached" });
    await card.getByRole("link", { name: "Settings of cart" }).click();
    await press(page, "Delete project cart");
    expect(await page.getByRole("button", { name: "Delete it" }).isDisabled()).toBe(true);
    await page.getByLabel("Type its name").fill("cart");
    await press(page, "Delete it");
    await card.getByText("0 projects").waitFor();
    await card.getByRole("button", { name: "Delete organization" }).click();
    await page.getByLabel("Type its name").fill("Acme <b>");
    await press(page, "Delete it");
    await card.waitFor({ state: "detached" });
    expect(opened.complaints).toEqual([]);
  });

  it("is closed to tokens of a project", async () => {
    await using opened = await lab.open("/installation", { token: lab.server.allToken });
    await opened.page.getByText("This needs an admin token.").waitFor();
  });
});
