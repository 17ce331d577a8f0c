/** ListTests: a page of tests that have results in a window, in the order of one of its figures. */
import { type StatsService, TestSort } from "../../../gen/tally/v1/stats_service_pb.js";
import { listTestKeys, type TestListKey, type TestOrder } from "../../db/test-lists.js";
import { readTestRecords } from "../../db/test-records.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { identityTexts, textsWithin } from "./page-texts.js";
import type { StatsDeps } from "./stats-deps.js";
import { testSummary } from "./test-summary.js";
import { toWindowDays } from "./test-window.js";

/** The handler of ListTests. */
export function listTests(deps: StatsDeps): Handler<typeof StatsService.method.listTests> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    const days = toWindowDays(violations, request.windowDays);
    const order = ORDERS.get(request.sort);
    if (order === undefined) {
      violations.push({ field: "sort", description: `${request.sort} is no order` });
    }
    const { text } = request;
    checkName(violations, "text", text, limits.searchTextBytes);
    if (order === undefined || violations.length > 0) throw invalidArgument(violations);
    const size = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListTests", days, order, text]), projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as TestListKey | null;
    const { deadlineAt } = context;
    try {
      const query = { days, order, text };
      const { entries, testCount } = await listTestKeys(
        deps.db,
        projectKey,
        query,
        after,
        size + 1,
        deadlineAt,
      );
      const keys = entries.slice(0, size).map(({ testKey }) => testKey);
      const records = await readTestRecords(deps.db, projectKey, keys, days, deadlineAt);
      const shown = textsWithin(records, identityTexts);
      // The page ends before the first test that does not fit.
      const cut = records[shown.length]?.testKey;
      const end = cut === undefined ? keys.length : keys.indexOf(cut);
      const last = end < entries.length ? entries[end - 1] : undefined;
      return {
        tests: shown.map(testSummary),
        testCount: BigInt(testCount),
        nextPageToken: last === undefined ? "" : deps.pageTokens.seal({ key: last, ...scope }),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

const ORDERS: ReadonlyMap<TestSort, TestOrder> = new Map([
  [TestSort.UNSPECIFIED, "failures"],
  [TestSort.FAILURES, "failures"],
  [TestSort.FAILURE_RATE, "failureRate"],
  [TestSort.FLAKE_RATE, "flakeRate"],
  [TestSort.P95_DURATION, "p95Duration"],
  [TestSort.TOTAL_TIME, "totalTime"],
  [TestSort.LAST_SEEN, "lastSeen"],
]);
