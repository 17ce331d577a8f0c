/** What the first page costs, and that live data moves nothing. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { paths } from "../../src/web/routes.js";
import { whenShown } from "./every-page.js";
import { hasChromium, startWebLab, type WebLab } from "./web-lab.js";

describe.skipIf(!hasChromium)("the first page", () => {
  let lab: WebLab;
  beforeAll(async () => {
    lab = await startWebLab();
    await lab.loadBuilds({ results: 700, tests: 100 });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("comes with at most 180 KB, packed by gzip", async () => {
    await using opened = await lab.open("/");
    const { page } = opened;
    const files = new Set<string>();
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/assets/")) files.add(pathname);
    });
    await page.reload();
    await page.getByLabel("Token").fill(lab.server.readToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.locator("canvas").first().waitFor();
    let bytes = 0;
    for (const file of files) {
      bytes += gzipSync(
        await readFile(fileURLToPath(new URL(`../../dist/web${file}`, import.meta.url))),
      ).length;
    }
    expect(files.size).toBeGreaterThan(2);
    expect(bytes).toBeLessThan(180_000);
  });

  it.each([
    ["the list of runs", (project: string) => paths.runs(project)],
    ["the overview", (project: string) => paths.overview(project)],
  ])("does not move when results arrive: %s", async (_, path) => {
    await using opened = await lab.open("/sign-in", { token: lab.server.readToken });
    const { page } = opened;
    await using _observing = await page.addInitScript(`
      globalThis.shifts = [];
      new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: "layout-shift", buffered: true });
    `);
    await page.goto(lab.server.url + path(lab.server.projectId));
    await page.getByText("Live").first().waitFor();
    await whenShown(opened);
    const runId = `live ${Math.random()}`;
    for (let i = 0; i < 5; i++) {
      await lab.client.ingest.ingestRun({
        run: { runId, source: { branch: "main" } },
        results: [{ test: { name: `live ${i}` }, status: i % 2 ? Status.FAILED : Status.PASSED }],
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await page.getByText(runId).first().waitFor();
    const shifts = (await page.evaluate("globalThis.shifts")) as number[];
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.01);
  });
});
