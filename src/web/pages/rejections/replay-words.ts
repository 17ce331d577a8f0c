/** What became of replays, in words. */
import { ReplayOutcome, type ReplayResult } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { formatCount } from "../../format/numbers.js";

/** Whether the replay leaves the rejection open, or did nothing. */
export function isRefused(outcome: ReplayOutcome): boolean {
  return !TAKEN.has(outcome);
}

/** What became of one replay; with `validateOnly` what would. */
export function outcomeText(outcome: ReplayOutcome, validateOnly: boolean): string {
  return (validateOnly ? checked : replayed)[outcome];
}

/** How many replays had which outcome. */
export function countOutcomes(
  results: readonly ReplayResult[],
): ReadonlyMap<ReplayOutcome, number> {
  const counts = new Map<ReplayOutcome, number>();
  for (const { outcome } of results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}

/** `2 stored, 1 refused again`. */
export function countsText(counts: ReadonlyMap<ReplayOutcome, number>): string {
  return [...counts]
    .map(([outcome, count]) => `${formatCount(count)} ${short[outcome]}`)
    .join(", ");
}

const TAKEN: ReadonlySet<ReplayOutcome> = new Set([
  ReplayOutcome.ACCEPTED,
  ReplayOutcome.DUPLICATE,
]);

const replayed: Readonly<Record<ReplayOutcome, string>> = {
  [ReplayOutcome.UNSPECIFIED]: "The server did not say what became of it.",
  [ReplayOutcome.ACCEPTED]: "Stored and counted. The rejection is resolved.",
  [ReplayOutcome.DUPLICATE]:
    "It was stored before with the same content. The rejection is resolved.",
  [ReplayOutcome.CONFLICT]: "Its id is stored with other content. The rejection stays open.",
  [ReplayOutcome.REJECTED]: "Refused again. The rejection stays open.",
  [ReplayOutcome.ALREADY_CLOSED]: "It was resolved or dismissed before; nothing was sent.",
  [ReplayOutcome.NOT_FOUND]: "There is no such rejection any more.",
};

const checked: Readonly<Record<ReplayOutcome, string>> = {
  ...replayed,
  [ReplayOutcome.ACCEPTED]: "It would be stored. Nothing was sent.",
  [ReplayOutcome.DUPLICATE]: "It is stored with the same content: a replay would resolve it.",
  [ReplayOutcome.CONFLICT]: "Its id is stored with other content: it would be refused again.",
  [ReplayOutcome.REJECTED]: "It would be refused again.",
};

const short: Readonly<Record<ReplayOutcome, string>> = {
  [ReplayOutcome.UNSPECIFIED]: "unknown",
  [ReplayOutcome.ACCEPTED]: "stored",
  [ReplayOutcome.DUPLICATE]: "found stored before",
  [ReplayOutcome.CONFLICT]: "in conflict",
  [ReplayOutcome.REJECTED]: "refused again",
  [ReplayOutcome.ALREADY_CLOSED]: "closed before",
  [ReplayOutcome.NOT_FOUND]: "not found",
};
