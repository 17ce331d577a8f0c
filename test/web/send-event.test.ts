/** The page that sends an event, and says what became of it. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { otherThan, violationsInBoth } from "./both-schemes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("sending events", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab({ TALLY_FAULTS: "true" });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (path: string, token = lab.server.allToken) =>
    lab.open(`/projects/${lab.server.projectId}${path}`, { token });
  const press = (page: Page, name: string) =>
    page.getByRole("button", { name, exact: true }).click();

  it("sends a sample, finds the same again to be a duplicate, and shows an invalid one's faults beside the fields", async () => {
    await using opened = await open("/events/send");
    const { page } = opened;
    const outcome = page.getByRole("region", { name: "Outcome" });
    await press(page, "Basic");
    await outcome.getByText("Processed.").waitFor();
    await press(page, "The same again");
    await outcome.getByText("Duplicate detected.").waitFor();
    expect(await outcome.getByRole("link").getAttribute("href")).toMatch(/\/event\?id=evt_/);
    await press(page, "Invalid");
    await outcome.getByText("Refused.").waitFor();
    expect(await page.getByLabel("Amount").getAttribute("aria-invalid")).toBe("true");
    await page.getByText('"invalid_number" is not a number').waitFor();
    await page.getByText("is required").waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
    await outcome.getByRole("link", { name: "See the kept rejection" }).click();
    await page.getByRole("heading", { name: "Refused event" }).waitFor();
    expect(otherThan(400, opened)).toEqual([]);
  });

  it("sends JSON byte by byte, and lists what no field shows", async () => {
    await using opened = await open("/events/send");
    const { page } = opened;
    await press(page, "Edit as JSON");
    await page.getByLabel("Event as JSON").fill('{"source":"a",');
    await press(page, "Send");
    await page.getByRole("alert").getByText("body").waitFor();
    const exact = '{"client":"shop","metric":"m","amount":0.10,"time":"2026-01-01"}';
    await page.getByLabel("Event as JSON").fill(exact);
    await press(page, "Send");
    await page.getByText("Processed.").waitFor();
    const { events } = await lab.client.events.listEvents({ filter: { client: "shop" } });
    const { event } = await lab.client.events.getEvent({ eventId: events[0]?.eventId ?? "" });
    expect(new TextDecoder().decode(event?.raw)).toBe(exact);
  });

  it("says of a key with other content that it is a conflict", async () => {
    const first = new TextEncoder().encode('{"client":"keys","type":"a","time":1762975801}');
    await lab.client.events.ingestEvent({
      event: { payload: { case: "json", value: first }, idempotencyKey: "key-1" },
    });
    await using opened = await open("/events/send");
    const { page } = opened;
    await page.getByLabel("Source").fill("keys");
    await page.getByLabel("Metric").fill("other");
    await page.getByLabel("Amount").fill("2");
    await page.getByLabel("Timestamp").fill("2026/01/31");
    await page.getByLabel("Idempotency key").fill("key-1");
    await press(page, "Send");
    await page.getByText("Conflict.").waitFor();
    await page.getByRole("link", { name: "See the kept copy" }).click();
    await page.getByRole("heading", { name: "Refused event" }).waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("explains a simulated failure, and counts once what is sent again after it", async () => {
    await using opened = await open("/events/send");
    const { page } = opened;
    await page.getByLabel("Simulated failure").selectOption("after-commit");
    await press(page, "Basic");
    await page.getByText("Simulated failure, after-commit.").waitFor();
    await page.getByText("The event was stored, and the call failed after that.").waitFor();
    await press(page, "Send it again, without failure");
    await page.getByText("Duplicate detected.").waitFor();
    expect(otherThan(503, opened)).toEqual([]);
  });

  it("follows a queued event to its end, over attempts that fail", async () => {
    await using opened = await open("/events/send");
    const { page } = opened;
    await page.getByLabel("Queue: soon after the answer").check();
    await page.getByLabel("Simulated failure").selectOption("worker");
    await page.getByLabel("Attempts").fill("1");
    await press(page, "Basic");
    await page.getByText("after 1 failed attempt. The queued event is counted now.").waitFor();
    await page.getByRole("link", { name: "See the event" }).click();
    await page.getByText("Attempt failed").waitFor();
    await page.getByText("a simulated failure").waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
  });

  it("tells a token that may not send so, before the form", async () => {
    await using opened = await open("/events/send", lab.server.readToken);
    await opened.page.getByText("This token may not send events.").waitFor();
    expect(await opened.page.getByRole("button", { name: "Send", exact: true }).count()).toBe(0);
    expect(await opened.violations()).toEqual([]);
  });
});
