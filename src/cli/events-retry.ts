/** `tally events retry`. */
import type { Command } from "commander";
import { RejectionKind, RejectionState } from "../../gen/tally/v1/rejection_pb.js";
import { ReplayOutcome, type ReplayResult } from "../../gen/tally/v1/rejection_service_pb.js";
import { limits } from "../limits.js";
import type { Act } from "./act.js";
import type { Context } from "./context.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { table } from "./table.js";

/** Adds the command to `tally events`. */
export function addRetryCommand(events: Command, act: Act): void {
  events
    .command("retry [ids...]")
    .description("send refused events again, as they were sent, by their rejection ids")
    .option("--all", "all open ones, oldest refused first")
    .option("--client <name>", "with --all: only of this client")
    .option("--dry-run", "judge only, store nothing")
    .action(act((context, ids, options: RetryOptions) => retry(context, ids, options)));
}

interface RetryOptions {
  readonly all?: boolean;
  readonly client?: string;
  readonly dryRun?: boolean;
}

async function retry(
  context: Context,
  ids: readonly string[],
  { all = false, client = "", dryRun: validateOnly = false }: RetryOptions,
): Promise<ExitCode> {
  if (all === ids.length > 0) throw new UsageError("give rejection ids, or --all");
  if (client !== "" && !all) throw new UsageError("--client goes with --all");
  const outcomes = new Map<ReplayOutcome, number>();
  const results: ReplayResult[] = [];
  let count = 0;
  const replays = all
    ? replayAll(context, client, validateOnly)
    : replayIds(context, ids, validateOnly);
  for await (const page of replays) {
    for (const result of page) {
      count++;
      outcomes.set(result.outcome, (outcomes.get(result.outcome) ?? 0) + 1);
      // Of many only what needs a look.
      if (!all || REFUSED.has(result.outcome)) results.push(result);
    }
    results.splice(MAX_LISTED);
  }
  const counts = Object.fromEntries(
    [...outcomes].map(([outcome, n]) => [ReplayOutcome[outcome] ?? "?", n]),
  );
  context.printPlain(
    { validateOnly, retriedCount: count, counts, results: results.map(resultRow) },
    () => [...tableOf(results), summaryText(count, counts, validateOnly)].join("\n"),
  );
  return [...outcomes.keys()].some((outcome) => REFUSED.has(outcome))
    ? exitCodes.refused
    : exitCodes.ok;
}

/** All open rejections of events, oldest first, a page at a time; what is refused again stays open. */
async function* replayAll(context: Context, client: string, validateOnly: boolean): Replays {
  const filter = { kind: RejectionKind.EVENT, state: RejectionState.OPEN, client };
  let pageToken = "";
  do {
    const { projectId } = context;
    const request = { projectId, filter, pageToken, validateOnly };
    const answer = await context.client.rejections.replayRejections(request);
    yield answer.results;
    pageToken = answer.nextPageToken;
  } while (pageToken !== "");
}

async function* replayIds(
  context: Context,
  ids: readonly string[],
  validateOnly: boolean,
): Replays {
  for (let at = 0; at < ids.length; at += limits.rejectionsPerCall) {
    const slice = ids.slice(at, at + limits.rejectionsPerCall);
    const { projectId } = context;
    const request = {
      projectId,
      entries: slice.map((rejectionId) => ({ rejectionId })),
      validateOnly,
    };
    yield (await context.client.rejections.replayRejections(request)).results;
  }
}

type Replays = AsyncGenerator<readonly ReplayResult[]>;

function resultRow({ rejectionId, outcome, fieldViolations }: ReplayResult) {
  return {
    rejectionId,
    outcome: ReplayOutcome[outcome] ?? "?",
    fieldViolations: fieldViolations.map(({ field, description }) => ({ field, description })),
  };
}

function tableOf(results: readonly ReplayResult[]): string[] {
  if (results.length === 0) return [];
  const rows = results.map(resultRow).map(({ rejectionId, outcome, fieldViolations }) => ({
    rejection_id: rejectionId,
    outcome,
    why: fieldViolations.map((v) => `${v.field} ${v.description}`).join("; "),
  }));
  return [table(rows), ""];
}

function summaryText(
  count: number,
  counts: Readonly<Record<string, number>>,
  validateOnly: boolean,
): string {
  const verb = validateOnly ? "judged, nothing stored" : "sent again";
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name}`);
  return [`${count} ${count === 1 ? "event" : "events"} ${verb}`, ...parts].join(", ");
}

const REFUSED: ReadonlySet<ReplayOutcome> = new Set([
  ReplayOutcome.CONFLICT,
  ReplayOutcome.REJECTED,
  ReplayOutcome.NOT_FOUND,
]);
const MAX_LISTED = 1_000;
