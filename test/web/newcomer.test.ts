/** From the link that a first start prints to the first result on the page. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runCliProcess } from "../cli/run-cli.js";
import { createEmptyDatabase } from "../support/database.js";
import { startTallyd } from "../support/tallyd.js";
import { hasChromium, startVisitor } from "./web-lab.js";

const REPORT = fileURLToPath(new URL("newcomer.xml", import.meta.url));

it.skipIf(!hasChromium)(
  "a newcomer comes from nothing to a first result",
  async () => {
    await using database = await createEmptyDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), "tally-newcomer-"));
    const started = startTallyd("serve", {
      TALLY_PORT: "0",
      TALLY_DATA_DIR: dataDir,
      DATABASE_URL: database.url,
    });
    try {
      const [, url = "", hash = ""] = await started.says(/signed in: (\S+)\/(#code=\w+)/);
      await using visitor = await startVisitor(url);
      await using opened = await visitor.open(`/${hash}`);
      const { page } = opened;
      await page.getByLabel("New organization").fill("Acme");
      expect(page.url()).not.toContain("code=");
      await page.getByRole("button", { name: "Create organization" }).click();
      await page.getByLabel("New project").fill("shop");
      await page.getByRole("button", { name: "Create project" }).click();
      await page.getByRole("button", { name: "Create a token for builds" }).click();
      const secret = (await page.locator(".secret code").textContent()) ?? "";
      await page.getByRole("button", { name: "I have kept it" }).click();
      await page.getByRole("combobox", { name: "Project" }).selectOption({ label: "shop" });
      await page.getByText(`tally upload --url ${url}`).waitFor();
      const env = { TALLY_TOKEN: secret };
      const { code } = await runCliProcess(["upload", "--url", url, REPORT], { env });
      expect(code).toBe(0);
      // By itself: nobody loads the page anew.
      await page.getByText("expected 3 to be 4").waitFor();
      // A list of tests may name it, too, as soon as it is folded.
      await page.getByRole("link", { name: "adds what is in the cart" }).first().click();
      await page.getByRole("heading", { name: "adds what is in the cart" }).waitFor();
      await page.getByText("Broken", { exact: true }).first().waitFor();
      expect(opened.complaints).toEqual([]);
    } finally {
      started.child.kill("SIGTERM");
      await started.exited;
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  90_000,
);
