/** Whether a page follows what happens, and that it says so when it does not. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { hasChromium, startVisitor, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("a page that follows what happens", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("notices a network that has gone silent, and catches up when it is back", async () => {
    const { server, client } = lab;
    const { hostname, port } = new URL(server.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using visitor = await startVisitor(proxy.through(server.url));
    await using opened = await visitor.open("/installation", { token: server.readToken });
    const { page } = opened;
    await page.clock.install();
    await page.goto(proxy.through(`${server.url}/projects/${server.projectId}/runs`));
    await page.getByText("Live", { exact: true }).first().waitFor();
    proxy.setBlackhole(true);
    await client.ingest.ingestRun({ run: { runId: "unheard", status: Status.PASSED } });
    await page.clock.fastForward(45_000);
    await page.getByText("Not live", { exact: true }).first().waitFor();
    proxy.setBlackhole(false);
    await page.clock.fastForward(5_000);
    await page.getByText("Live", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: "unheard" }).waitFor();
    expect(opened.complaints).toEqual([]);
  });
});
