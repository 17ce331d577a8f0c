/** The link that a first start prints, where the server is away at the wrong moment, and opened again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { createEmptyDatabase } from "../support/database.js";
import { startTallyd } from "../support/tallyd.js";
import { hasChromium, startVisitor } from "./web-lab.js";

it.skipIf(!hasChromium)(
  "a sign-in link survives a server that is away, and does no harm once it is used",
  async () => {
    await using database = await createEmptyDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), "tally-link-"));
    const started = startTallyd("serve", {
      TALLY_PORT: "0",
      TALLY_DATA_DIR: dataDir,
      DATABASE_URL: database.url,
    });
    try {
      const [, url = "", hash = ""] = await started.says(/signed in: (\S+)\/(#code=\w+)/);
      await using visitor = await startVisitor(url);
      // In a tab that shows the dashboard the link loads no page.
      await using opened = await visitor.open("/");
      const { page } = opened;
      await page.getByLabel("Token").waitFor();
      const retry = page.getByRole("button", { name: "Try again" });
      const entered = page.getByRole("heading", { name: "Installation" });

      const exchange = await turnAway(page, "ExchangeSignInCode");
      await page.goto(`${url}/${hash}`);
      await retry.waitFor();
      expect(page.url()).not.toContain("code=");
      await exchange.end();
      // The code is used up now; its token is kept although nothing could be asked with it.
      const caller = await turnAway(page, "GetCaller");
      await retry.click();
      await caller.met;
      await retry.waitFor();
      await caller.end();
      await page.reload();
      await entered.waitFor();

      await page.goto("about:blank");
      await page.goto(`${url}/${hash}`);
      await entered.waitFor();
      expect(page.url()).not.toContain("code=");

      await using other = await visitor.open(`/${hash}`);
      await other.page.getByText("The server does not take this any more").waitFor();
    } finally {
      started.child.kill("SIGTERM");
      await started.exited;
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  90_000,
);

/** Answers calls of the method as a server does whose database is away, until `end`; `met` resolves at the first. */
async function turnAway(page: Page, method: string) {
  const address = `**/${method}`;
  const met = page.waitForResponse(address);
  await page.route(address, (route) =>
    route.fulfill({ status: 503, json: { code: "unavailable", message: "the database is away" } }),
  );
  return { met, end: () => page.unroute(address) };
}
