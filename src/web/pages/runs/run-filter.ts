/** What the list of runs is narrowed to. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Run, RunState, Status } from "../../../../gen/tally/v1/run_pb.js";
import type { ListRunsRequestSchema } from "../../../../gen/tally/v1/stats_service_pb.js";
import { countsAtMs } from "../../format/run-time.js";

/** The filters as they are in the address; an empty one narrows nothing. */
export interface RunFilter {
  readonly branch: string;
  readonly status: string;
  readonly state: string;
  readonly commit: string;
  /** `key=value`. */
  readonly label: string;
  /** First day, `2026-11-21`, in the reader's zone. */
  readonly from: string;
  /** Last day, with all of it. */
  readonly to: string;
}

/** The statuses to choose from, by their names in the address. */
export const statusFilters: Readonly<Record<string, Status>> = {
  passed: Status.PASSED,
  failed: Status.FAILED,
  errored: Status.ERRORED,
  skipped: Status.SKIPPED,
};

/** The states to choose from, by their names in the address. */
export const stateFilters: Readonly<Record<string, RunState>> = {
  running: RunState.RUNNING,
  finished: RunState.FINISHED,
  incomplete: RunState.INCOMPLETE,
  abandoned: RunState.ABANDONED,
};

/** Whether nothing is narrowed. */
export function isEmptyFilter(filter: RunFilter): boolean {
  return Object.values(filter).every((value) => value === "");
}

/** Why the label cannot be asked for; undefined if it can. */
export function labelProblem(label: string): string | undefined {
  return label === "" || /^[^=]+=/.test(label)
    ? undefined
    : "A label is written key=value, for example trigger=push.";
}

/** The question for the runs. */
export function listRunsInput(
  projectId: string,
  filter: RunFilter,
): MessageInitShape<typeof ListRunsRequestSchema> & { pageToken: string } {
  const from = dayMs(filter.from, 0);
  const to = dayMs(filter.to, 1);
  return {
    projectId,
    branch: filter.branch,
    status: statusFilters[filter.status] ?? Status.UNSPECIFIED,
    state: stateFilters[filter.state] ?? RunState.UNSPECIFIED,
    commitSha: filter.commit,
    labels: labelsOf(filter.label),
    ...(from === undefined ? {} : { startTime: timestampFromMs(from) }),
    ...(to === undefined ? {} : { endTime: timestampFromMs(to) }),
    pageToken: "",
  };
}

/** Whether a run that was told of belongs to the list. */
export function matchesFilter(run: Run, filter: RunFilter): boolean {
  const status = statusFilters[filter.status];
  const state = stateFilters[filter.state];
  const from = dayMs(filter.from, 0);
  const to = dayMs(filter.to, 1);
  const at = countsAtMs(run);
  return (
    (filter.branch === "" || run.source?.branch === filter.branch) &&
    (filter.commit === "" || run.source?.commitSha === filter.commit) &&
    (status === undefined || run.status === status) &&
    (state === undefined || run.state === state) &&
    Object.entries(labelsOf(filter.label)).every(([key, value]) => run.labels[key] === value) &&
    (from === undefined || at >= from) &&
    (to === undefined || at < to)
  );
}

function labelsOf(label: string): Record<string, string> {
  const cut = label.indexOf("=");
  return cut < 1 ? {} : { [label.slice(0, cut)]: label.slice(cut + 1) };
}

/** Midnight of the day in the reader's zone, `later` days on; undefined for what is no day. */
function dayMs(day: string, later: number): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (match === null) return undefined;
  const [year, month, date] = match.slice(1).map(Number) as [number, number, number];
  return new Date(year, month - 1, date + later).getTime();
}
