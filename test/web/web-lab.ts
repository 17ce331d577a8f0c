/** A server with data, and a browser that looks at its dashboard. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { AxeResults, RunOptions } from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { findChromium } from "../../bench/chromium.js";
import { loadDataset } from "../../bench/dataset/load.js";
import { type Dataset, planDataset } from "../../bench/dataset/plan.js";
import type { TallyClient } from "../../src/client/index.js";
import { startTestServer, type TestServer } from "../support/server.js";

export interface WebLab extends AsyncDisposable {
  readonly server: TestServer;
  /** With every scope of the project. */
  readonly client: TallyClient;
  /** Stores builds of the last days in the project: the same with every call. */
  loadBuilds(options?: { readonly results?: number; readonly tests?: number }): Promise<Dataset>;
  /** Opens a page of the dashboard as somebody with this token; without one nobody is signed in. */
  open(path: string, options?: OpenOptions): Promise<LabPage>;
}

export interface OpenOptions {
  readonly token?: string;
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
  readonly reducedMotion?: "reduce";
}

export interface LabPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page complained of: exceptions, console errors, and what its Content-Security-Policy stopped. */
  readonly complaints: readonly string[];
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
    async loadBuilds({ results = 20_000, tests = 500 } = {}) {
      const endUs = Math.floor(Date.now() / 60_000) * 60e6;
      const dataset = planDataset({ seed: 11, results, tests, days: 20, endUs });
      await loadDataset(server, server.allToken, dataset);
      return dataset;
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
  return {
    open: (path, options = {}) => openPage(browser, url, path, options),
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

async function openPage(
  browser: Browser,
  url: string,
  path: string,
  { token, width = 1440, colorScheme = "light", reducedMotion }: OpenOptions,
): Promise<LabPage> {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    colorScheme,
    ...(reducedMotion === undefined ? {} : { reducedMotion }),
  });
  if (token !== undefined) await signIn(context, token);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(new URL(path, url).href);
  return {
    page,
    complaints,
    violations: () => findViolations(page),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** As if the person had signed in for the tab. */
async function signIn(context: BrowserContext, token: string): Promise<void> {
  await context.addInitScript(`sessionStorage.setItem("tally.token", ${JSON.stringify(token)})`);
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
