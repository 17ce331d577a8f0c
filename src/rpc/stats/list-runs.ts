/** ListRuns: a page of runs, newest first, each derived from what is committed now. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type RunSchema, RunState } from "../../../gen/tally/v1/run_pb.js";
import type { ListRunsRequest, StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { readFinishedRuns } from "../../db/finished-runs.js";
import type { Queryable } from "../../db/queryable.js";
import { listRuns as listStored, type RunFilter, type RunListKey } from "../../db/run-lists.js";
import { readRunSummaries, type ShownRun } from "../../db/run-records.js";
import { RUN_TEXTS } from "../../db/runs.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName, checkTime, toMicros } from "../../ingest/rules.js";
import { deriveRun } from "../../ingest/run-state.js";
import { checkRunStatus } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import type { ProjectRef } from "../resolve-project.js";
import { finishedRunMessage, runMessage } from "../run-message.js";
import { checkLabelFilter } from "./label-filter.js";
import { textsWithin } from "./page-texts.js";
import type { StatsDeps } from "./stats-deps.js";

/** The handler of ListRuns. */
export function listRuns(deps: StatsDeps): Handler<typeof StatsService.method.listRuns> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const filter = toRunFilter(request);
    const limit = pageSize(request.pageSize);
    const { labels, ...others } = filter;
    const query = JSON.stringify(["ListRuns", others, Object.entries(labels).sort()]);
    const scope = { query, projectId };
    const page = {
      after: deps.pageTokens.open(request.pageToken, scope) as RunListKey | null,
      limit,
      maxExamined: limits.runsExaminedPerPage,
    };
    const { deadlineAt } = context;
    try {
      const found = await listStored(deps.db, projectKey, filter, page, deadlineAt);
      const runKeys = found.runs.map(({ runKey }) => runKey);
      const messages = await readMessages(deps.db, { projectKey, projectId }, runKeys, deadlineAt);
      const runs = found.runs.flatMap(({ runKey, position }) => {
        const run = messages.get(runKey);
        return run === undefined ? [] : [{ position, ...run }];
      });
      const shown = textsWithin(runs, ({ run }) => textsOf(run));
      const next = shown.length < runs.length ? (shown.at(-1)?.position ?? null) : found.next;
      return {
        runs: shown.map(({ message }) => message),
        nextPageToken: next === null ? "" : deps.pageTokens.seal({ key: next, ...scope }),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

interface ListedMessage {
  readonly run: ShownRun;
  readonly message: MessageInitShape<typeof RunSchema>;
}

/** Of each run by its key. Most have finished; the others follow from their parts. */
async function readMessages(
  db: Queryable,
  { projectKey, projectId }: ProjectRef,
  runKeys: readonly string[],
  deadlineAt: number,
): Promise<Map<string, ListedMessage>> {
  const finished = await readFinishedRuns(db, projectKey, runKeys, deadlineAt);
  const messages = new Map<string, ListedMessage>(
    finished.map((run) => [run.runKey, { run, message: finishedRunMessage(projectId, run) }]),
  );
  const others = runKeys.filter((runKey) => !messages.has(runKey));
  for (const run of await readRunSummaries(db, projectKey, others, deadlineAt)) {
    messages.set(run.runKey, { run, message: runMessage(projectId, run, deriveRun(run)) });
  }
  return messages;
}

/** The filter of a request. Throws INVALID_ARGUMENT for values that nothing can match. */
function toRunFilter(request: ListRunsRequest): RunFilter {
  const { branch, commitSha, state, status, labels, startTime, endTime } = request;
  const violations: Violation[] = [];
  checkName(violations, "branch", branch, limits.nameBytes);
  checkName(violations, "commit_sha", commitSha, limits.nameBytes);
  if (RunState[state] === undefined) {
    violations.push({ field: "state", description: `${state} is no state` });
  }
  checkRunStatus(violations, "status", status);
  checkLabelFilter(violations, labels);
  checkTime(violations, "start_time", startTime);
  checkTime(violations, "end_time", endTime);
  const startUs = startTime === undefined ? null : toMicros(startTime);
  const endUs = endTime === undefined ? null : toMicros(endTime);
  if (startUs !== null && endUs !== null && endUs <= startUs) {
    violations.push({ field: "end_time", description: "does not lie after start_time" });
  }
  if (violations.length > 0) throw invalidArgument(violations);
  return { branch, commitSha, state, status, labels, startUs, endUs };
}

function textsOf({ runId, texts, labels }: ShownRun): string[] {
  return [runId, ...RUN_TEXTS.map((column) => texts[column]), ...Object.entries(labels).flat()];
}
