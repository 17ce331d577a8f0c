/** How soon the pages of the dashboard show what they are opened for, in a browser, with nobody else at work. */
import { type Browser, chromium, type Page } from "playwright-core";
import type { TallyClient } from "../../src/client/index.js";
import { paths } from "../../src/web/routes.js";
import { findChromium } from "../chromium.js";
import { type Measurement, quantile, secondsOf } from "../figure.js";
import type { BenchProject, BenchServer } from "../server.js";

/** A page that was opened, whole: its files too come from the server, or the browser's cache. */
interface Visit {
  readonly page: string;
  /** Until nothing on it waits for the server any more. */
  readonly seconds: number;
  readonly calls: readonly { readonly name: string; readonly ms: number }[];
}

/** As long as a browser is busy with its own start. */
const START_MS = 2_000;

/** `dashboard.interactive` and `dashboard.request`, each page so often; nothing where there is no Chromium. */
export async function measureDashboard(
  server: BenchServer,
  { projectId, token }: BenchProject,
  client: TallyClient,
  rounds: number,
): Promise<Measurement[]> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    console.error("dashboard: left out, since there is no Chromium");
    return [];
  }
  const addresses = await pagesOf(projectId, client);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await openTab(browser, token);
    await page.waitForTimeout(START_MS);
    const visits: Visit[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [name, path] of addresses) visits.push(await visit(page, name, server.url + path));
    }
    return toMeasurements(visits, rounds);
  } finally {
    await browser.close();
  }
}

/** Pages, and where they are. */
async function pagesOf(
  project: string,
  { stats }: TallyClient,
): Promise<readonly (readonly [string, string])[]> {
  const { runs } = await stats.listRuns({ pageSize: 50 });
  const { tests } = await stats.listTests({ pageSize: 1 });
  const [head, ...others] = runs;
  const base = others.find(({ source }) => source?.branch === head?.source?.branch);
  return [
    ["overview", paths.overview(project)],
    ["runs", paths.runs(project)],
    ["run", paths.run(project, head?.runId ?? "")],
    ["compare", paths.compare(project, { base: base?.runId, head: head?.runId })],
    ["tests", paths.tests(project)],
    ["test", paths.test(project, tests[0]?.testId ?? "")],
    ["flaky", paths.flaky(project)],
    ["failures", paths.failures(project)],
    ["events", paths.events(project)],
    ["ingestion", paths.ingestion(project)],
    ["rejections", paths.rejections(project)],
    ["settings", paths.settings(project)],
  ];
}

async function openTab(browser: Browser, token: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript({
    content: `sessionStorage.setItem("tally.token", ${JSON.stringify(token)})`,
  });
  return page;
}

async function visit(page: Page, name: string, address: string): Promise<Visit> {
  const calls: Visit["calls"][number][] = [];
  const isCall = (url: string) => url.includes("/tally.v1.") && !url.includes("/Watch");
  let waiting = 0;
  page.on("request", (request) => {
    if (isCall(request.url())) waiting++;
  });
  page.on("requestfailed", (request) => {
    if (isCall(request.url())) waiting--;
  });
  page.on("requestfinished", (request) => {
    if (!isCall(request.url())) return;
    waiting--;
    const { requestStart, responseEnd } = request.timing();
    calls.push({
      name: new URL(request.url()).pathname.split("/").at(-1) ?? "",
      ms: responseEnd - requestStart,
    });
  });
  const loading = page.getByRole("status", { name: "Loading" });
  const seconds = await secondsOf(async () => {
    await page.goto(address);
    await page.locator("main h1").first().waitFor();
    while (waiting > 0 || (await loading.count()) > 0) await page.waitForTimeout(5);
  });
  page.removeAllListeners();
  return { page: name, seconds, calls };
}

function toMeasurements(visits: readonly Visit[], rounds: number): Measurement[] {
  const names = [...new Set(visits.map(({ page }) => page))];
  const medians = names.map((name) => {
    const seconds = visits.filter(({ page }) => page === name).map((each) => each.seconds);
    return { name, seconds: quantile(seconds, 0.5) };
  });
  const calls = visits.flatMap(({ page, calls }) => calls.map((call) => ({ ...call, page })));
  const [slowest] = calls.sort((a, b) => b.ms - a.ms);
  return [
    {
      name: "dashboard.interactive",
      value: Math.max(...medians.map(({ seconds }) => seconds)),
      unit: "s",
      limit: null,
      conditions: `median of ${rounds} visits, of the slowest page: ${medians
        .map(({ name, seconds }) => `${name} ${seconds.toFixed(2)}`)
        .join(", ")}`,
    },
    {
      name: "dashboard.request",
      value: slowest?.ms ?? 0,
      unit: "ms",
      limit: null,
      conditions: `slowest of ${calls.length} calls: ${slowest?.name} of ${slowest?.page}; 99 of 100 within ${quantile(
        calls.map(({ ms }) => ms),
        0.99,
      ).toFixed(0)}`,
    },
  ];
}
