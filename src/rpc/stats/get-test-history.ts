/** GetTestHistory: a test with its figures, its days, its evidence and its results. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TestDaySchema } from "../../../gen/tally/v1/stats_pb.js";
import { ResultView, type StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { readTestDays, type TestDayRecord } from "../../db/test-days.js";
import { type HistoryKey, readTestHistory } from "../../db/test-history.js";
import { readTestRecords } from "../../db/test-records.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { limits } from "../../limits.js";
import { ranksOf } from "../../stats/duration-sum.js";
import { DAY_US } from "../../stats/periods.js";
import { windowStart } from "../../stats/windows.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { timestamp } from "../run-message.js";
import { checkTestId } from "./check-test-id.js";
import { quantilesMessage, resultCounts } from "./figures-message.js";
import { readFlakyTests } from "./flaky-test.js";
import type { KeyedStatsDeps } from "./stats-deps.js";
import { storedResultMessage } from "./stored-result-message.js";
import { testSummary } from "./test-summary.js";
import { toWindowDays } from "./test-window.js";

/** The handler of GetTestHistory. */
export function getTestHistory(
  deps: KeyedStatsDeps,
): Handler<typeof StatsService.method.getTestHistory> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const { testId } = request;
    const violations: Violation[] = [];
    checkTestId(violations, "test_id", testId);
    const days = toWindowDays(violations, request.windowDays);
    if (violations.length > 0) throw invalidArgument(violations);
    const size = pageSize(request.pageSize);
    // The results are the same in every window.
    const scope = { query: JSON.stringify(["GetTestHistory", testId]), projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as HistoryKey | null;
    const { db } = deps;
    const { deadlineAt } = context;
    try {
      const testKey = await deps.keys.test(projectKey, testId, deadlineAt);
      const keys = testKey === null ? [] : [testKey];
      const [record] = await readTestRecords(db, projectKey, keys, days, deadlineAt);
      if (testKey === null || record === undefined) throw notFound("test", testId);
      const history = await readTestHistory(db, projectKey, testKey, after, size, deadlineAt);
      const answer = {
        test: testSummary(record),
        results: history.results.map((result) => storedResultMessage(result, ResultView.BASIC)),
        nextPageToken:
          history.next === null ? "" : deps.pageTokens.seal({ key: history.next, ...scope }),
      };
      if (after !== null || record.window === null) return answer;
      const { day } = record.window;
      const first = windowStart(day, days);
      const [flaky] = await readFlakyTests(
        db,
        projectKey,
        [record],
        days,
        limits.flakeEvidence,
        deadlineAt,
      );
      return {
        days: (await readTestDays(db, projectKey, testKey, first, day, deadlineAt)).map(dayMessage),
        ...(flaky === undefined ? {} : { flaky }),
        ...answer,
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

function dayMessage(record: TestDayRecord): MessageInitShape<typeof TestDaySchema> {
  const { day, results, flaky, durations } = record;
  return {
    day: timestamp(day * DAY_US),
    results: resultCounts(results),
    flakyCount: BigInt(flaky),
    duration: quantilesMessage(ranksOf(durations)),
  };
}
