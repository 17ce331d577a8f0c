/** A server with data, and a browser that looks at its dashboard. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { AxeResults, RunOptions } from "axe-core";
import { chromium, type Page, type Request } from "playwright-core";
import { findChromium } from "../../bench/chromium.js";
import { loadDataset } from "../../bench/dataset/load.js";
import { planDataset } from "../../bench/dataset/plan.js";
import type { TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { foldAll } from "../support/fold-all.js";
import { startTestServer, type TestServer } from "../support/server.js";

export interface WebLab extends AsyncDisposable {
  readonly server: TestServer;
  /** With every scope of the project. */
  readonly client: TallyClient;
  /** Stores builds of the last days in the project, some three runs for as many results as there are tests. */
  loadBuilds(options: { readonly results: number; readonly tests: number }): Promise<void>;
  /** Opens a page of the dashboard as somebody with this token; without one nobody is signed in. */
  open(path: string, options?: OpenOptions): Promise<LabPage>;
}

export interface OpenOptions {
  readonly token?: string;
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
}

export interface LabPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page complained of: exceptions, console errors, and what its Content-Security-Policy stopped. */
  readonly complaints: readonly string[];
  /** How many calls have no answer yet, but for those that go on for as long as the page is there. */
  waiting(): number;
  /** What axe finds wrong: rule and selector of each. */
  violations(): Promise<string[]>;
}

/** Whether there is a browser; tests of pages are skipped where there is none. */
export const hasChromium = findChromium() !== undefined;

/** What `npm run build` has made. */
const WEB_FOLDER = fileURLToPath(new URL("../../dist/web", import.meta.url));

/** Starts them. */
export async function startWebLab(env: Readonly<Record<string, string>> = {}): Promise<WebLab> {
  const server = await startTestServer({ env, webFolder: WEB_FOLDER });
  const visitor = await startVisitor(server.url);
  return {
    server,
    client: server.client(server.allToken),
    async loadBuilds({ results, tests }) {
      const endUs = Math.floor(Date.now() / 60_000) * 60e6;
      const dataset = planDataset({ seed: 11, results, tests, days: 20, endUs });
      await loadDataset(server, server.allToken, dataset);
      // Pages of tests show what is folded, and ask again only after a while.
      await using db = new Connection({ url: server.databaseUrl, prepare: false });
      if (!(await foldAll(db))) throw new Error("not everything is folded");
    },
    open: visitor.open,
    async [Symbol.asyncDispose]() {
      await visitor[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A browser in front of any server. */
export type Visitor = AsyncDisposable & Pick<WebLab, "open">;

/** Starts the browser. */
export async function startVisitor(url: string): Promise<Visitor> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("there is no Chromium");
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  // What moves is drawn by the processor.
  const context = await browser.newContext({ reducedMotion: "reduce" });
  /** Pages that nobody looks at: a new window takes more than twice the processor time of one that is there. */
  const idle: Page[] = [];
  return {
    async open(path, options = {}) {
      const page = idle.pop() ?? (await context.newPage());
      return openPage(page, new URL(path, url).href, options, () => idle.push(page));
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** Calls `onLeft` when the page is as if nobody had looked at it. */
async function openPage(
  page: Page,
  url: string,
  { token, width = 1440, colorScheme = "light" }: OpenOptions,
  onLeft: () => void,
): Promise<LabPage> {
  // Behind another tab it draws nothing, and clicks wait for that.
  await page.bringToFront();
  await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
  await page.emulateMedia({ colorScheme });
  const session = token === undefined ? undefined : await signIn(page, token);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  const calls = new Set<Request>();
  page.on("request", (request) => {
    if (isAnswered(request)) calls.add(request);
  });
  page.on("requestfinished", (request) => calls.delete(request));
  page.on("requestfailed", (request) => calls.delete(request));
  await page.goto(url);
  return {
    page,
    complaints,
    waiting: () => calls.size,
    violations: () => findViolations(page),
    async [Symbol.asyncDispose]() {
      page.removeAllListeners();
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await session?.dispose();
      await page.evaluate("sessionStorage.clear(); localStorage.clear()");
      await page.goto("about:blank");
      await page.mouse.move(0, 0);
      onLeft();
    },
  };
}

function isAnswered(request: Request): boolean {
  const { pathname } = new URL(request.url());
  return pathname.startsWith("/tally.v1.") && !pathname.endsWith("/WatchRuns");
}

/** As if the person had signed in for the tab. */
function signIn(page: Page, token: string) {
  return page.addInitScript(`sessionStorage.setItem("tally.token", ${JSON.stringify(token)})`);
}

async function findViolations(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // By the debugger's way in: the policy of the page has no place for scripts of others.
  await page.evaluate(axe);
  const results = (await page.evaluate(
    (options) => (globalThis as unknown as { axe: Axe }).axe.run(options),
    { resultTypes: ["violations"] } satisfies RunOptions,
  )) as AxeResults;
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}

interface Axe {
  run(options: RunOptions): Promise<AxeResults>;
}
