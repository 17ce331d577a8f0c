/** ListFailureGroups: a page of what failed alike, the most first. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FailureExampleSchema, FailureGroupSchema } from "../../../gen/tally/v1/stats_pb.js";
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import {
  type FailureExample,
  type FailureGroupDetails,
  type FailureScope,
  readFailureGroupDetails,
} from "../../db/failure-group-details.js";
import {
  type FailureGroupKey,
  listFailureGroupsOfRun,
  listFailureGroups as listOfWindow,
} from "../../db/failure-groups.js";
import { findRun } from "../../db/run-lists.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { FINGERPRINT_VERSION } from "../../stats/failure-fingerprint.js";
import { OUTAGE_RULE } from "../../stats/outage.js";
import { cutText } from "../../text.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { resultRef } from "./flaky-test.js";
import { identityTexts, textsWithin } from "./page-texts.js";
import type { StatsDeps } from "./stats-deps.js";
import { testMessage } from "./test-message.js";
import { toWindowDays } from "./test-window.js";

/** The handler of ListFailureGroups. */
export function listFailureGroups(
  deps: StatsDeps,
): Handler<typeof StatsService.method.listFailureGroups> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const { runId, windowDays } = request;
    const violations: Violation[] = [];
    const days = toWindowDays(violations, windowDays);
    if (runId !== "") checkRunId(violations, "run_id", runId);
    if (runId !== "" && windowDays !== 0) {
      violations.push({ field: "window_days", description: "has no meaning with a run_id" });
    }
    if (violations.length > 0) throw invalidArgument(violations);
    const size = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListFailureGroups", days, runId]), projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as FailureGroupKey | null;
    const { db } = deps;
    const { deadlineAt } = context;
    const listOfRun = async (): Promise<[readonly FailureGroupKey[], FailureScope]> => {
      const runKey = await findRun(db, projectKey, runId, deadlineAt);
      if (runKey === null) throw notFound("run", runId);
      const limit = size + 1;
      return [
        await listFailureGroupsOfRun(db, projectKey, runKey, after, limit, deadlineAt),
        { runKey },
      ];
    };
    const listOfDays = async (): Promise<[readonly FailureGroupKey[], FailureScope]> => {
      const page = await listOfWindow(db, projectKey, days, after, size + 1, deadlineAt);
      return [page.groups, { sinceUs: page.sinceUs }];
    };
    try {
      const [groups, which] = await (runId === "" ? listOfDays() : listOfRun());
      const ids = groups.slice(0, size).map(({ fingerprint }) => fingerprint);
      const rule = { maxRuns: limits.outageRuns, ...OUTAGE_RULE };
      const details = new Map(
        (await readFailureGroupDetails(db, projectKey, ids, which, rule, deadlineAt)).map(
          (each) => [each.fingerprint, each],
        ),
      );
      const known = groups.slice(0, size).flatMap(({ fingerprint, failures }) => {
        const found = details.get(fingerprint);
        return found === undefined ? [] : [{ failures, ...found }];
      });
      const shown = textsWithin(known, textsOf);
      const last = shown.length < groups.length ? shown.at(-1) : undefined;
      return {
        groups: shown.map(groupMessage),
        fingerprintVersion: FINGERPRINT_VERSION,
        nextPageToken:
          last === undefined ? "" : deps.pageTokens.seal({ key: keyOf(last), ...scope }),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

type Group = FailureGroupDetails & FailureGroupKey;

function keyOf({ failures, fingerprint }: FailureGroupKey): FailureGroupKey {
  return { failures, fingerprint };
}

function textsOf({ kind, type, maskedMessage, first, last }: Group): string[] {
  const examples = [first, last].flatMap((example) =>
    example === null ? [] : [...identityTexts(example), example.message],
  );
  return [kind, type, maskedMessage, ...examples];
}

function groupMessage(group: Group): MessageInitShape<typeof FailureGroupSchema> {
  const { first, last } = group;
  return {
    fingerprint: group.fingerprint,
    maskedMessage: group.maskedMessage,
    kind: group.kind,
    type: group.type,
    failureCount: BigInt(group.failures),
    testCount: BigInt(group.testCount),
    runCount: BigInt(group.runCount),
    ...(first === null ? {} : { first: exampleMessage(first) }),
    ...(last === null ? {} : { last: exampleMessage(last) }),
    probableOutageRunIds: group.massRuns.map(({ runId }) => runId),
  };
}

function exampleMessage(example: FailureExample): MessageInitShape<typeof FailureExampleSchema> {
  return {
    result: resultRef(example),
    testId: example.testId,
    test: testMessage(example),
    message: cutText(example.message, limits.quotedMessageBytes),
  };
}
