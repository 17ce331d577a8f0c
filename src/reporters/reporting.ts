/** What all reporters share: a run session that opens by itself, says little, and is never in the way. */
import { resolve } from "node:path";
import { atExit } from "../client/at-exit.js";
import type { RunSession, SessionSummary, TallyClient, TestResultInit } from "../client/index.js";
import { joinLocalRun } from "./local-run.js";
import { type ReporterOptions, withOptions } from "./reporter-options.js";

export interface ReportingOptions {
  /** Who sends, for example `tally-vitest`. */
  readonly producer: string;
  readonly options: ReporterOptions;
  /** The framework's own shard. */
  readonly shard?: { readonly index: number; readonly total: number } | undefined;
}

export interface Reporting {
  /** Takes a result. Returns at once and never throws. */
  add(result: TestResultInit): void;
  /**
   * Delivers what is left, or keeps it, and says in one line what became of it; undefined if nothing is reported.
   * Takes 2 s longer than delivering does at most. Never rejects. Called again, it answers the same.
   */
  end(): Promise<SessionSummary | undefined>;
}

/** Begins to report. The client is loaded only if there is a token. Never throws. */
export function startReporting(given: ReportingOptions): Reporting {
  const env = withOptions(process.env, given.options);
  if (!env["TALLY_TOKEN"]) {
    sayOnce("there is no TALLY_TOKEN, so results are not reported");
    return SILENT;
  }
  const early: TestResultInit[] = [];
  // The session has its own word for the last moment of a process, once it is there.
  const stay = atExit(() => {
    if (early.length > 0)
      say(`${early.length} results are lost: the process ended before they could be sent`);
  });
  let opened: OpenedRun | undefined;
  let isGivenUp = false;
  let ending: Promise<SessionSummary | undefined> | undefined;
  const opening = open(given, env)
    .then(
      (found) => {
        opened = found;
        for (const result of early.splice(0)) found.session.add(result);
      },
      (error: unknown) => {
        isGivenUp = true;
        early.length = 0;
        say(`results are not reported: ${(error as Error).message}`);
      },
    )
    .finally(stay);

  async function end(): Promise<SessionSummary | undefined> {
    await opening;
    if (opened === undefined) return undefined;
    const summary = await opened.session.close({
      deadlineMs: DEADLINE_MS,
      patienceMs: PATIENCE_MS,
    });
    opened.close();
    for (const other of summary.otherProducers) {
      say(
        `this job is also reported by ${other || "an upload"}: what both report is counted twice`,
      );
    }
    say(summaryText(summary, opened));
    return summary;
  }

  return {
    add(result) {
      if (opened !== undefined) opened.session.add(result);
      else if (!isGivenUp) early.push(result);
    },
    end() {
      ending ??= end();
      return ending;
    },
  };
}

interface OpenedRun {
  readonly session: RunSession;
  readonly client: TallyClient;
  readonly spoolDir: string;
  close(): void;
}

async function open(given: ReportingOptions, env: Env): Promise<OpenedRun> {
  // Now, before tests that share the process can go elsewhere.
  const folder = process.cwd();
  const { createTallyClient, DEFAULT_SPOOL_DIR, gatherCiFacts, openRun, readClientOptions } =
    await import("../client/index.js");
  const client = createTallyClient(readClientOptions(env));
  const { runId, source, ci, part, warnings } = await gatherCiFacts(env, folder);
  for (const warning of warnings) say(warning);
  const localRun = runId === "" ? joinLocalRun() : undefined;
  const spoolDir = env["TALLY_SPOOL_DIR"] || DEFAULT_SPOOL_DIR;
  const session = openRun({
    client,
    projectId: env["TALLY_PROJECT"] ?? "",
    run: {
      runId: localRun?.runId ?? runId,
      source,
      ci,
      labels: { ...given.options.labels },
    },
    part: { ...part, ...shardOf(part, given), producer: given.producer },
    spoolDir: resolve(folder, spoolDir),
    onWarning: ({ message }) => say(message),
  });
  return {
    session,
    client,
    spoolDir,
    close() {
      localRun?.[Symbol.dispose]();
      client.close();
    },
  };
}

/** What the build says wins over what the framework was told: `1/4` of both is the same shard. */
function shardOf(part: { readonly shardTotal: number }, { shard }: ReportingOptions) {
  if (part.shardTotal > 0 || shard === undefined) return {};
  return { shardIndex: shard.index, shardTotal: shard.total };
}

function summaryText(summary: SessionSummary, { client, spoolDir }: OpenedRun): string {
  const { runId, sent, acknowledged, conflict, rejected, spooled, dropped } = summary;
  const parts = [
    `${acknowledged} of ${sent} results are at ${client.origin} as run ${runId}`,
    ...(conflict > 0
      ? [
          `${conflict} of them refused, and kept there, since this job had reported the same tests otherwise: ` +
            "give each process that runs them a TALLY_JOB of its own",
        ]
      : []),
    ...(rejected > 0 ? [`${rejected} of them refused, and kept there`] : []),
    ...(spooled > 0 || summary.spoolFile !== undefined
      ? [`${spooled} are in ${spoolDir}: send them with "tally spool send"`]
      : []),
    ...(dropped > 0 ? [`${dropped} are lost`] : []),
  ];
  return parts.join("; ");
}

/** Says a line where the frameworks' own reports do not go. Never throws. */
export function say(line: string): void {
  try {
    process.stderr.write(`tally: ${line}\n`);
  } catch {
    // Nobody listens.
  }
}

function sayOnce(line: string): void {
  const scope = globalThis as { [SAID]?: Set<string> };
  scope[SAID] ??= new Set();
  if (scope[SAID].has(line)) return;
  scope[SAID].add(line);
  say(line);
}

type Env = Readonly<Record<string, string | undefined>>;

const SILENT: Reporting = { add() {}, end: async () => undefined };
const SAID = Symbol.for("tally.said");
const DEADLINE_MS = 10_000;
/** A build waits no longer for a server that says nothing. */
const PATIENCE_MS = 1_000;
