/** ListFlakyTests: a page of tests that failed and passed on the same code, with the evidence. */
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { type FlakyListEntry, type FlakyListKey, listFlakyKeys } from "../../db/flaky-tests.js";
import type { Queryable } from "../../db/queryable.js";
import { readTestRecords, type TestRecord } from "../../db/test-records.js";
import type { TestWindowDays } from "../../db/test-windows.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { readFlakyTests } from "./flaky-test.js";
import { identityTexts, textsWithin } from "./page-texts.js";
import type { StatsDeps } from "./stats-deps.js";
import { verdictOf } from "./test-summary.js";
import { toWindowDays } from "./test-window.js";

/** The handler of ListFlakyTests. */
export function listFlakyTests(
  deps: StatsDeps,
): Handler<typeof StatsService.method.listFlakyTests> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    const days = toWindowDays(violations, request.windowDays);
    const verdicts = toVerdicts(violations, request.verdicts);
    if (violations.length > 0) throw invalidArgument(violations);
    const size = pageSize(request.pageSize);
    const query = JSON.stringify(["ListFlakyTests", days, [...verdicts].sort()]);
    const scope = { query, projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as FlakyListKey | null;
    const { deadlineAt } = context;
    try {
      const filter = { days, verdicts, after, size };
      const page = await findFlaky(deps.db, projectKey, filter, deadlineAt);
      const { records, next } = page;
      const tests = await readFlakyTests(
        deps.db,
        projectKey,
        records,
        days,
        limits.flakeEvidenceListed,
        deadlineAt,
      );
      const nextPageToken =
        next === null ? "" : deps.pageTokens.seal({ key: keyOf(next), ...scope });
      return { tests, nextPageToken };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

interface FlakyFilter {
  readonly days: TestWindowDays;
  /** Empty: any. */
  readonly verdicts: ReadonlySet<Verdict>;
  readonly after: FlakyListKey | null;
  readonly size: number;
}

/**
 * The records of a page, and the entry that it ends with if more follow. A verdict is known once a test has been
 * read: so many are looked at, and no more.
 */
async function findFlaky(
  db: Queryable,
  projectKey: string,
  { days, verdicts, after, size }: FlakyFilter,
  deadlineAt: number,
): Promise<{ readonly records: readonly TestRecord[]; readonly next: FlakyListEntry | null }> {
  const examined = verdicts.size === 0 ? size : limits.flakyTestsExamined;
  const entries = await listFlakyKeys(db, projectKey, days, after, examined + 1, deadlineAt);
  const matching: TestRecord[] = [];
  let read = 0;
  while (read < Math.min(entries.length, examined) && matching.length < size) {
    const some = entries.slice(read, Math.min(read + size, examined));
    const keys = some.map(({ testKey }) => testKey);
    const records = await readTestRecords(db, projectKey, keys, days, deadlineAt);
    const found = records.filter(
      ({ window }) => verdicts.size === 0 || verdicts.has(verdictOf(window)),
    );
    matching.push(...found);
    read += some.length;
  }
  const records = textsWithin(matching.slice(0, size), textsOf);
  const cut = records.length < matching.length;
  const last = records.at(-1)?.testKey;
  // A page that is full or cut ends with its last test, one that is not with the last that was looked at.
  const end = cut ? entries.findIndex(({ testKey }) => testKey === last) + 1 : read;
  return { records, next: end < entries.length ? (entries[end - 1] ?? null) : null };
}

/** A test has its names, and up to ten messages. */
function textsOf(record: TestRecord): string[] {
  return [...identityTexts(record), LONGEST_EVIDENCE];
}

const LONGEST_EVIDENCE = " ".repeat(limits.flakeEvidenceListed * limits.quotedMessageBytes);

function keyOf({ value, testId }: FlakyListEntry): FlakyListKey {
  return { value, testId };
}

/** Those that a flaky test can have. */
const FLAKY_VERDICTS: ReadonlySet<Verdict> = new Set([
  Verdict.FLAKY,
  Verdict.RECOVERED,
  Verdict.BROKEN,
]);

function toVerdicts(violations: Violation[], verdicts: readonly Verdict[]): ReadonlySet<Verdict> {
  for (const [i, verdict] of verdicts.entries()) {
    if (FLAKY_VERDICTS.has(verdict)) continue;
    const description = `${Verdict[verdict] ?? verdict} is none of FLAKY, RECOVERED, BROKEN`;
    violations.push({ field: `verdicts[${i}]`, description });
  }
  return new Set(verdicts);
}
