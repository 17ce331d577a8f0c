/** The pages of what was sent and what of it was refused. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RejectionState } from "../../gen/tally/v1/rejection_pb.js";
import { GetRejectionResponseSchema } from "../../gen/tally/v1/rejection_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { GetIngestStatsRequestSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { violationsInBoth } from "./both-schemes.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("rejections", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const open = (path: string, token = lab.server.allToken) =>
    lab.open(`/projects/${lab.server.projectId}${path}`, { token });
  const press = (place: Pick<Page, "getByRole">, name: string) =>
    place.getByRole("button", { name, exact: true }).click();
  /** Sends events that are refused for their amount. */
  const refuse = async (client: string, count: number) => {
    for (let at = 0; at < count; at++) {
      const json = JSON.stringify({
        client,
        metric: "m",
        amount: `no ${at}`,
        time: 1762975801 + at,
      });
      const payload = { case: "json" as const, value: new TextEncoder().encode(json) };
      await lab.client.events.ingestEvent({ event: { payload } }).catch(() => {});
    }
  };
  const statesOf = async (client: string) => {
    const { rejections } = await lab.client.rejections.listRejections({ filter: { client } });
    return rejections.map(({ state }) => state);
  };

  it("mends a refused event, checks it, and replays it", async () => {
    await refuse("mend", 1);
    await using opened = await open("/rejections?client=mend");
    const { page } = opened;
    await page.getByRole("link", { name: '"no 0" is not a number' }).click();
    const editor = page.getByLabel("Item as JSON");
    await press(page, "Check");
    await page.getByText("It would be refused again.").waitFor();
    await editor.fill((await editor.inputValue()).replace('"no 0"', "12.5"));
    await press(page, "Check");
    await page.getByText("It would be stored. Nothing was sent.").waitFor();
    expect(await statesOf("mend")).toEqual([RejectionState.OPEN]);
    expect(await violationsInBoth(opened)).toEqual([]);
    await press(page, "Replay");
    await page.getByText("Stored and counted. The rejection is resolved.").waitFor();
    await page.getByText("Resolved", { exact: true }).waitFor();
    const { events } = await lab.client.events.listEvents({ filter: { client: "mend" } });
    expect(events.map(({ amount }) => amount)).toEqual(["12.5"]);
    expect(opened.complaints).toEqual([]);
  });

  it("mends a refused result by its JSON", async () => {
    await lab.client.ingest.ingestRun({
      run: { runId: "hostile <b>\u202e" },
      results: [{ test: { name: "bad\0name" }, status: Status.PASSED }],
    });
    await using opened = await open("/rejections?kind=result");
    const { page } = opened;
    await page.getByRole("link", { name: "test.name" }).click();
    await page.getByText("hostile <b>⟨U+202E⟩").waitFor();
    const editor = page.getByLabel("Item as JSON");
    const kept = await editor.inputValue();
    await editor.fill(kept.replace("STATUS_PASSED", "BROKEN"));
    await press(page, "Check");
    await page.getByRole("alert").getByText("BROKEN").waitFor();
    await editor.fill(kept.replace("bad\\u0000name", "good name"));
    await press(page, "Replay");
    await page.getByText("Resolved", { exact: true }).waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("dismisses with a note, and all of a filter at once after asking", async () => {
    await refuse("bulk", 3);
    await refuse("other", 1);
    await using opened = await open("/rejections?client=bulk");
    const { page } = opened;
    await page.getByRole("table").waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
    await page.locator("tbody a").first().click();
    await press(page, "Dismiss");
    await page.getByLabel("Note").fill("not needed");
    await press(page, "Dismiss it");
    await page.getByText("Dismissed", { exact: true }).waitFor();
    await page.getByRole("link", { name: "All rejections" }).click();
    await press(page, "Replay all of these");
    await page.getByText("would end so: 2 refused again").waitFor();
    await page.keyboard.press("Escape");
    await press(page, "Dismiss all of these");
    expect(await opened.violations()).toEqual([]);
    await press(page, "Dismiss 2");
    await page.getByText("2 items: dismissed.").waitFor();
    expect(await statesOf("bulk")).toEqual(Array(3).fill(RejectionState.DISMISSED));
    expect(await statesOf("other")).toEqual([RejectionState.OPEN]);
    expect(opened.complaints).toEqual([]);
  });

  it("shows a rejection by its address alone, and says where there is none", async () => {
    await refuse("addressed", 1);
    const { rejections } = await lab.client.rejections.listRejections({
      filter: { client: "addressed" },
    });
    await using opened = await open(`/rejections?id=${rejections[0]?.rejectionId}`);
    const { page } = opened;
    await page.getByRole("heading", { name: "Refused event" }).waitFor();
    await page.goto(`${lab.server.url}/projects/${lab.server.projectId}/rejections?id=none`);
    await page.getByRole("alert").getByText('Rejection "none" not found.').waitFor();
    await page.getByRole("link", { name: "All rejections" }).click();
    await page.getByRole("table", { name: "Rejections, newest first" }).waitFor();
  });

  it("shows no buttons to a token that may only look, and says why", async () => {
    await refuse("look", 1);
    await using opened = await open("/rejections?client=look", lab.server.readToken);
    const { page } = opened;
    await page.getByText("needs the scope MANAGE").waitFor();
    await page.locator("tbody a").first().click();
    await page.getByText("needs a token with the scope MANAGE").waitFor();
    expect(await page.getByRole("button", { name: "Replay" }).count()).toBe(0);
    await page.goto(`${lab.server.url}/projects/${lab.server.projectId}/settings`);
    await page.getByText("This token may not manage the project.").waitFor();
  });

  it("counts what was sent, and leads to the open rejections", async () => {
    await refuse("counted", 2);
    await using opened = await open("/ingestion");
    const { page } = opened;
    await page.getByRole("table").getByText("counted").waitFor();
    expect(await violationsInBoth(opened)).toEqual([]);
    await page.getByRole("link", { name: "Event Invalid" }).click();
    await page.getByRole("table", { name: "Rejections, newest first" }).waitFor();
    expect(page.url()).toContain("kind=event&reason=invalid");
    expect(opened.complaints).toEqual([]);
  });

  it("counts the last 24 hours, however long the page is open", async () => {
    await using opened = await lab.open("/installation", { token: lab.server.readToken });
    const { page } = opened;
    await page.clock.install();
    const startOfNext = async (timeout = 30_000) => {
      const request = await page.waitForRequest("**/GetIngestStats", { timeout });
      const body = request.postDataBuffer() ?? new Uint8Array();
      return Number(fromBinary(GetIngestStatsRequestSchema, body).startTime?.seconds);
    };
    const first = startOfNext();
    await page.goto(`${lab.server.url}/projects/${lab.server.projectId}/ingestion`);
    const before = await first;
    await page.getByText("Results received").waitFor();
    // Where a call is under way when its time has come, there is no other one.
    const passTime = async () => {
      const next = startOfNext(3_000).catch(() => before);
      await page.clock.fastForward(3_600_000);
      return (await next) - before;
    };
    await expect.poll(passTime).toBeGreaterThanOrEqual(3_600);
  });

  it("shows the list again after a rejection that broke its page", async () => {
    await refuse("breaks", 1);
    await using opened = await open("/rejections?client=breaks");
    const { page } = opened;
    // No date is so late.
    const createTime = { seconds: 10n ** 14n, nanos: 0 };
    const answer = create(GetRejectionResponseSchema, { rejection: { createTime } });
    await page.route("**/GetRejection", (route) =>
      route.fulfill({
        contentType: "application/proto",
        body: Buffer.from(toBinary(GetRejectionResponseSchema, answer)),
      }),
    );
    await page.locator("tbody a").first().click();
    await page.getByText("This page cannot be shown").waitFor();
    await page.goBack();
    await page.getByRole("table", { name: "Rejections, newest first" }).waitFor();
    expect(await page.getByText("This page cannot be shown").count()).toBe(0);
  });
});
