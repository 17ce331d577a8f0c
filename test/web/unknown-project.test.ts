/** The address of a project that the reader's token does not see, or that is gone. */
import { Code } from "@connectrpc/connect";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../src/web/routes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("a project that is not there", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const noSuchProject = (page: Page) =>
    page.getByRole("heading", { name: "There is no such project" });

  it("is said not to be there, once, and others can be chosen", async () => {
    await using opened = await lab.open(paths.overview("prj_of_others"), {
      token: lab.server.readToken,
    });
    const { page } = opened;
    await noSuchProject(page).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    expect(await opened.violations()).toEqual([]);
    const picker = page.getByRole("combobox", { name: "Project" });
    expect(await picker.locator("option:checked").textContent()).toBe("Choose a project");
    await picker.selectOption("shop");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("is noticed when it is deleted under the reader's eyes", async () => {
    const { tenancy, stats } = lab.server.client();
    const { organizationId, adminToken } = lab.server;
    const { project } = await tenancy.createProject({ organizationId, name: "leaves" });
    const projectId = project?.projectId ?? "";
    await using opened = await lab.open(paths.runs(projectId), { token: adminToken });
    const { page } = opened;
    await page.getByText("No run has arrived yet").waitFor();
    await tenancy.deleteProject({ projectId });
    // A server may answer for a second as if it were there.
    await expect
      .poll(() => stats.listRuns({ projectId }).catch(({ code }) => code))
      .toBe(Code.NotFound);
    // Any question will do; the page may have asked one by itself, and be gone.
    await page
      .getByLabel("Status")
      .selectOption("failed", { timeout: 5_000 })
      .catch(() => {});
    await noSuchProject(page).waitFor();
    await page.getByRole("link", { name: "Go to the overview" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });
});
