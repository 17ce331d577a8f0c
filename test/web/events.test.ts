/** The pages of events: what is listed, told of one, and added up. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { violationsInBoth } from "./both-schemes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

const HOSTILE = "=<script>alert(1)</script>\u202eabc\u001b[31m😀";

describe.skipIf(!hasChromium)("events", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (path: string) =>
    lab.open(`/projects/${lab.server.projectId}${path}`, { token: lab.server.allToken });
  const send = (event: object) =>
    lab.client.events.ingestEvent({
      event: {
        payload: { case: "json", value: new TextEncoder().encode(JSON.stringify(event)) },
      },
    });
  const view = (client: string, path: string, user: string, day: string) =>
    send({ site_id: client, type: "page_view", path, user_id: user, time: `${day}T10:00:00Z` });

  it("lists events by the filters of the address, and downloads them with formulas defused", async () => {
    await send({ client: HOSTILE, metric: "m", amount: "-1.50", time: "2026-01-05", extra: 1 });
    await send({ client: "quiet", metric: "m", amount: "1", time: "2026-01-05T00:00:00Z" });
    await using opened = await open("/events?warnings=yes");
    const { page } = opened;
    const table = page.getByRole("table", { name: "Events, newest received first" });
    await table.getByText("=<script>alert(1)</script>⟨U+202E⟩abc😀").waitFor();
    expect(await table.getByText("quiet").count()).toBe(0);
    expect(await violationsInBoth(opened)).toEqual([]);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download CSV" }).click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trimEnd().split("\r\n");
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain("'=<script>");
    expect(lines[1]).toContain(",-1.5,2026-01-05T00:00:00Z,");
    await page.getByLabel("Client").fill("nobody");
    await page.getByText("No stored event matches.").waitFor();
    expect(page.url()).toContain("client=nobody");
    expect(opened.complaints).toEqual([]);
  });

  it("shows an event as it was sent beside what was read, with its warnings", async () => {
    const { event } = await send({
      client: "w",
      metric: "m",
      total: "1,200.00",
      time: "2026-01-06",
      colour: "red",
    });
    await using opened = await open(`/event?id=${event?.eventId}`);
    const { page } = opened;
    await page
      .getByRole("group", { name: "The event as it was sent" })
      .getByText('"1,200.00"')
      .waitFor();
    await page.getByText("Unknown field").waitFor();
    await page.getByRole("definition").getByText("1200", { exact: true }).waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("adds amounts up exactly, by groups and over time", async () => {
    for (const [amount, day] of [
      ["0.1", "03"],
      ["0.2", "03"],
      ["12345678901234567890.5", "05"],
    ]) {
      await send({ client: "sums", metric: "exact", amount, time: `2026-02-${day}` });
    }
    await using opened = await open("/events/aggregates?client=sums&by=client-metric");
    const { page } = opened;
    const table = page.getByRole("table", { name: "Aggregates" });
    await table.getByText("0.3", { exact: true }).waitFor();
    await table.getByText("12345678901234567890.5").first().waitFor();
    expect(await table.getByRole("row").count()).toBe(3);
    await page.getByLabel("Over", { exact: true }).selectOption("none");
    await table.getByText("12345678901234567890.8").waitFor();
    await page.getByLabel("Over", { exact: true }).selectOption("day");
    await page.getByRole("heading", { name: "Sums over time" }).waitFor();
    const times = page.getByRole("table", { name: "Sums over time" }).getByRole("rowheader");
    await expect.poll(() => times.allTextContents()).toEqual(["3 Feb", "4 Feb", "5 Feb"]);
    await page.getByLabel("Over", { exact: true }).selectOption("week");
    await expect.poll(() => times.allTextContents()).toEqual(["2 Feb"]);
    await page.getByLabel("Over", { exact: true }).selectOption("hour");
    await expect.poll(() => times.last().textContent()).toBe("5 Feb, 00:00");
    await table.getByText("2026-02-05 00:00").waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it("tells the views, users and top paths of a site, or that there are none", async () => {
    await view("site-1", "/a", "u1", "2026-03-01");
    await view("site-1", "/a", "u2", "2026-03-01");
    await view("site-1", "/b", "u1", "2026-03-02");
    await using opened = await open("/events/site");
    const { page } = opened;
    await page.getByRole("link", { name: "site-1" }).click();
    await page.getByText("Total views").waitFor();
    await page.getByText("all time", { exact: true }).waitFor();
    expect(await page.locator(".stat-value").allTextContents()).toEqual(["3", "2"]);
    expect(await violationsInBoth(opened)).toEqual([]);
    await page.getByLabel("Day (UTC)").fill("2026-03-01");
    await page.getByText("2026-03-01, UTC", { exact: true }).waitFor();
    expect(await page.locator(".path-list li").allTextContents()).toEqual(["/a2"]);
    await page.getByLabel("Metric").fill("nothing");
    await page
      .getByText("No analytics data found for the specified criteria.", { exact: true })
      .waitFor();
    expect(opened.complaints).toEqual([]);
  });
});
