/** ListResults: a page of the results of a run, of a test, or of a test in a run. */
import { Status } from "../../../gen/tally/v1/run_pb.js";
import {
  type ListResultsRequest,
  ResultView,
  type StatsService,
} from "../../../gen/tally/v1/stats_service_pb.js";
import { listRunResults, type ResultListKey } from "../../db/run-results.js";
import type { StoredResult } from "../../db/stored-results.js";
import { type HistoryKey, readTestHistory } from "../../db/test-history.js";
import { testContains } from "../../db/test-texts.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { checkTestId } from "./check-test-id.js";
import type { KeyedStatsDeps } from "./stats-deps.js";
import { storedResultMessage } from "./stored-result-message.js";

/** The handler of ListResults. */
export function listResults(deps: KeyedStatsDeps): Handler<typeof StatsService.method.listResults> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    checkRequest(request);
    const { runId, testId, text } = request;
    const statuses = [...new Set(request.statuses)].sort();
    const limit = pageSize(request.pageSize);
    const query = JSON.stringify(["ListResults", runId, testId, statuses, text]);
    const scope = { query, projectId };
    const after = deps.pageTokens.open(request.pageToken, scope);
    const { deadlineAt } = context;
    try {
      const { results, next } = await readPage(
        deps,
        projectKey,
        { runId, testId, statuses, text, after, limit },
        deadlineAt,
      );
      return {
        results: results.map((result) => storedResultMessage(result, request.view)),
        nextPageToken: next === null ? "" : deps.pageTokens.seal({ key: next, ...scope }),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

/** Throws INVALID_ARGUMENT with all that is wrong. */
function checkRequest({ runId, testId, statuses, text, view }: ListResultsRequest): void {
  const violations: Violation[] = [];
  if (runId === "" && testId === "") {
    violations.push({ field: "run_id", description: "is required where test_id is not given" });
  }
  if (runId !== "") checkRunId(violations, "run_id", runId);
  if (testId !== "") checkTestId(violations, "test_id", testId);
  statuses.forEach((status, i) => {
    if (status !== Status.UNSPECIFIED && Status[status] !== undefined) return;
    violations.push({ field: `statuses[${i}]`, description: `${status} is no status` });
  });
  checkName(violations, "text", text, limits.searchTextBytes);
  if (ResultView[view] === undefined) {
    violations.push({ field: "view", description: `${view} is no view` });
  }
  if (violations.length > 0) throw invalidArgument(violations);
}

interface Search {
  readonly runId: string;
  readonly testId: string;
  readonly statuses: readonly number[];
  readonly text: string;
  /** The key in the page token, which only the same search takes. */
  readonly after: unknown;
  readonly limit: number;
}

interface Page {
  readonly results: readonly StoredResult[];
  readonly next: ResultListKey | HistoryKey | null;
}

async function readPage(
  { db, keys }: KeyedStatsDeps,
  projectKey: string,
  { runId, testId, statuses, text, after, limit }: Search,
  deadlineAt: number,
): Promise<Page> {
  const runKey = runId === "" ? null : await keys.run(projectKey, runId, deadlineAt);
  if (runId !== "" && runKey === null) throw notFound("run", runId);
  const testKey = testId === "" ? null : await keys.test(projectKey, testId, deadlineAt);
  if (testId !== "" && testKey === null) throw notFound("test", testId);
  if (runKey !== null) {
    const page = {
      after: after as ResultListKey | null,
      limit,
      maxBytes: limits.resultPageBytes,
      maxExamined: limits.resultsExaminedPerPage,
    };
    const filter = { testKey, statuses, text };
    const found = await listRunResults(db, projectKey, runKey, filter, page, deadlineAt);
    // It may have been deleted since its key was found.
    if (found === null) throw notFound("run", runId);
    return found;
  }
  if (testKey === null) return { results: [], next: null };
  if (text !== "" && !(await testContains(db, projectKey, testKey, text, deadlineAt))) {
    return { results: [], next: null };
  }
  const from = after as HistoryKey | null;
  return readTestHistory(db, projectKey, testKey, from, limit, deadlineAt, statuses);
}
