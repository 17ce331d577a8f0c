import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.js";
import { MASKED_LENGTH } from "../../src/stats/failure-fingerprint.js";
import { OUTAGE_RULE } from "../../src/stats/outage.js";
import { readmeSection, tableRow, tableRows } from "./readme.js";

const short = `up to ${bytes(limits.nameBytes)}`;
const map = `${limits.mapEntries} of ${bytes(limits.mapKeyBytes)} (key) and ${bytes(limits.mapValueBytes)} (value)`;
const years = `0 to ${Math.round(limits.durationSeconds / (366 * 24 * 3600))} years`;
const results = `p to ${count(limits.resultsPerMessage)}`;
const refusals = `he first ${limits.rejectionsPerAnswer}`;
const moreRefusals = `more than ${limits.rejectionsPerAnswer}`;
const violations = `up to ${limits.violationsPerItem}`;
const warnings = `p to ${limits.warningsPerEvent}`;
const events = `p to ${count(limits.eventsPerMessage)}`;
const digits = `${limits.amountIntegerDigits} digits before and ${limits.amountFractionDigits} after the point`;
const perCall = `up to ${count(limits.rejectionsPerCall)}`;
const page = `0 means ${limits.pageSizeDefault}, above ${limits.pageSizeMax} means ${limits.pageSizeMax}`;
const statsPage = `A page holds ${bytes(limits.statsPageBytes)} at most`;

/**
 * What the comment of each proto element must say; `*` is any message. An element whose comment has a figure
 * with a unit and no row here fails the test as well, so that no figure can go stale unseen.
 */
const comments: Readonly<Record<string, string>> = {
  IngestService: `message limit of ${bytes(limits.messageBytes)}`,
  "IngestService.IngestRun": results,
  "IngestRunRequest.results": results,
  "UploadBatch.results": results,
  "IngestRunResponse.rejections": refusals,
  "UploadResultsResponse.rejections": refusals,
  "PublishResultsResponse.rejections": refusals,
  "*.rejections_truncated": moreRefusals,
  "*.other_producers": `he first ${limits.otherProducers}`,
  "RejectedItem.field_violations": violations,
  "Rejection.field_violations": violations,
  "*.violations_truncated": `more than ${limits.violationsPerItem}`,
  "UploadFinish.duration": years,
  "Run.run_id": `1 to ${bytes(limits.runIdBytes)}`,
  "Run.framework": short,
  "Run.labels": `${map}. Repeats add labels, by key, until the run has ${limits.mapEntries};`,
  "Run.duration": years,
  Source: short,
  Ci: short,
  Part: `up to ${count(limits.runParts)}`,
  "Part.job": short,
  "Part.shard_total": `up to ${count(limits.shardTotal)}`,
  "Part.producer": short,
  "Test.suite": short,
  "Test.file": short,
  "Test.name": `1 byte to ${bytes(limits.nameBytes)}`,
  "Test.parameters": short,
  "Test.variant": map.replace(" of ", " entries of "),
  "TestResult.result_id": `up to ${bytes(limits.resultIdBytes)}`,
  "TestResult.raw_status": short,
  "TestResult.duration": years,
  "TestResult.skip_reason": `up to ${bytes(limits.valueBytes)}`,
  "TestResult.stdout": `up to ${bytes(limits.outputBytes)}`,
  "TestResult.stderr": `up to ${bytes(limits.outputBytes)}`,
  "TestResult.tags": map,
  "Failure.kind": short,
  "Failure.message": `up to ${bytes(limits.failureMessageBytes)}`,
  "Failure.type": short,
  "Failure.trace": `up to ${bytes(limits.traceBytes)}`,
  "Failure.expected": `up to ${bytes(limits.valueBytes)}`,
  "Failure.actual": `up to ${bytes(limits.valueBytes)}`,
  "Location.file": short,
  "ListRejectionsRequest.page_size": `${page}, negative is INVALID_ARGUMENT. A page is also cut at ${bytes(limits.rejectionPageBytes)}`,
  "ReplayRejectionsRequest.entries": perCall,
  "ReplayRejectionsRequest.filter": perCall,
  "DismissRejectionsRequest.rejection_ids": perCall,
  "DismissRejectionsRequest.filter": perCall,
  "DismissRejectionsRequest.note": short,
  "ListRunsRequest.page_size": page,
  "ListRunsRequest.labels": `up to ${limits.filterLabels}. A page looks at ${count(limits.runsExaminedPerPage)} runs`,
  "GetRunResponse.parts": `have ${bytes(limits.runPartBytes)} of names`,
  "GetRunResponse.missing_tests": `the first ${limits.missingTests} by`,
  "ListResultsRequest.page_size": page,
  "ListResultsRequest.text": `up to ${bytes(limits.searchTextBytes)}. A page looks at ${count(limits.resultsExaminedPerPage)} results`,
  "ResultView.RESULT_VIEW_FULL": `A page holds ${bytes(limits.resultPageBytes)} at most`,
  "CompareRunsRequest.list_size": `0 means ${limits.changesDefault}, above ${limits.changesMax} means ${limits.changesMax}`,
  "TestChange.failure_message": `cut to ${bytes(limits.quotedMessageBytes)}`,
  "StatsService.WatchRuns": `up to ${limits.watchedRunsFirst}, then`,
  "WatchedRun.failures": `Up to ${limits.watchedFailures}.`,
  "ListEventsRequest.page_size": `${page}, negative is INVALID_ARGUMENT. A page ends also at ${bytes(limits.eventPageBytes)} of texts and after ${count(limits.eventsExaminedPerPage)} events`,
  "AggregateEventsResponse.rows": `Up to ${count(limits.aggregateRows)} rows`,
  "GetEventStatsRequest.top_paths_limit": `0 means ${limits.topPathsDefault}, above ${limits.topPathsMax} means ${limits.topPathsMax}`,
  "FlakeEvidence.failure_message": `cut to ${bytes(limits.quotedMessageBytes)}`,
  "FlakyTest.evidence": `up to ${limits.flakeEvidenceListed} in ListFlakyTests, up to ${limits.flakeEvidence} in`,
  "FailureGroup.masked_message": `up to ${count(MASKED_LENGTH)} characters`,
  "FailureGroup.probable_outage_run_ids": `up to ${limits.outageRuns}, newest first: at least ${OUTAGE_RULE.minFailures} results and at least ${100 / OUTAGE_RULE.maxResultsPerFailure} %`,
  "GetProjectStatsRequest.start_time": `${count(limits.statsWindowDays)} days`,
  "FailureExample.message": `cut to ${bytes(limits.quotedMessageBytes)}`,
  "StatsService.ListTests": statsPage,
  "StatsService.ListFlakyTests": `${statsPage}, looks at ${count(limits.flakyTestsExamined)} tests`,
  "StatsService.ListFailureGroups": statsPage,
  "GetProjectStatsRequest.labels": `up to ${limits.filterLabels}. Such an answer reads every run of the window; more than ${count(limits.labelledRuns)}`,
  "TimeUnit.TIME_UNIT_HOUR": `up to ${limits.seriesHourDays} days`,
  "TimeUnit.TIME_UNIT_DAY": `up to ${limits.seriesDays} days`,
  "TimeUnit.TIME_UNIT_WEEK": `up to ${count(limits.statsWindowDays)} days`,
  "ListTestsRequest.text": `up to ${bytes(limits.searchTextBytes)}`,
  "ListTestsRequest.page_size": page,
  "GetTestHistoryRequest.page_size": page,
  "ListFlakyTestsRequest.page_size": page,
  "ListFailureGroupsRequest.page_size": page,
  "GetIngestStatsRequest.start_time": `${limits.ingestStatsDays} days`,
  "GetIngestStatsResponse.counts": `he first ${count(limits.ingestStatsRows)}`,
  "GetIngestStatsResponse.counts_truncated": `more than ${count(limits.ingestStatsRows)}`,
  EventService: `message limit of ${bytes(limits.messageBytes)}`,
  "EventService.IngestEvents": events,
  "EventService.GetEvent": `forgotten ${limits.eventDedupDays} days later`,
  "EventService.ReprocessEvents": `up to ${count(limits.eventsPerReprocessing)} a call`,
  EventInput: `up to ${bytes(limits.eventPayloadBytes)} and ${limits.eventDepth} levels`,
  "EventInput.fields": `up to ${count(limits.valuesPerMessage)} values`,
  "EventInput.idempotency_key": `up to ${bytes(limits.idempotencyKeyBytes)}`,
  "IngestedEvent.warnings": warnings,
  "IngestedEvent.field_violations": violations,
  "Event.amount": `up to ${digits}`,
  "Event.warnings": warnings,
  "*.warnings_truncated": `more than ${limits.warningsPerEvent}`,
  "EventBatch.events": events,
  "IngestEventsResponse.refusals": refusals,
  "IngestEventsResponse.refusals_truncated": moreRefusals,
  "IngestEventsResponse.warned": refusals,
  "ReprocessEventsResponse.events": refusals,
  TenancyService: page,
  "Organization.name": `1 byte to ${bytes(limits.nameBytes)}`,
  "Project.name": `1 byte to ${bytes(limits.nameBytes)}`,
  "Token.name": `1 byte to ${bytes(limits.nameBytes)}`,
  "ProjectSettings.default_branch": short,
  "ProjectSettings.retention_days": `kept for ${limits.failureDays} days at least`,
  "ProjectSettings.event_retention_days": `For ${limits.eventDedupDays} days more`,
  "GetRetentionReportResponse.event_count": `exact up to ${count(limits.eventsCounted)}`,
  "ProjectSettings.kept_refusal_bytes": `0 means ${bytes(limits.keptRefusalBytesPerProject)}`,
};

/** The README's table under Limits, in this order. */
const readme: readonly (readonly [string, string])[] = [
  ["A message: a unary body, or one frame of a stream", bytes(limits.messageBytes)],
  ["A message of a call that needs no token", bytes(limits.publicMessageBytes)],
  ["Results in a message", count(limits.resultsPerMessage)],
  ["Results in a stream", "no limit"],
  ["`run_id`", bytes(limits.runIdBytes)],
  ["`result_id`", bytes(limits.resultIdBytes)],
  ["Names, files, parameters and other short texts", bytes(limits.nameBytes)],
  ["Failure message, expected and actual value, skip reason", bytes(limits.failureMessageBytes)],
  ["Stack trace, standard output, standard error, each", bytes(limits.traceBytes)],
  ["An event", `${bytes(limits.eventPayloadBytes)}, ${limits.eventDepth} levels`],
  ["Events in a message", count(limits.eventsPerMessage)],
  ["Values in the Structs of a message", count(limits.valuesPerMessage)],
  ["Client, metric and user of an event", bytes(limits.eventNameBytes)],
  ["Idempotency key of an event", bytes(limits.idempotencyKeyBytes)],
  ["Amount of an event", digits],
  ["Warnings listed for an event", count(limits.warningsPerEvent)],
  ["Labels of a run, tags, variant", map],
  ["Shards of a job", count(limits.shardTotal)],
  ["Parts of a run", count(limits.runParts)],
  ["Tests of a project", count(limits.testsPerProject)],
  [
    "Kept refusals of a project, unless it says otherwise",
    bytes(limits.keptRefusalBytesPerProject),
  ],
  ["Refusals, and events with warnings, listed in an answer", count(limits.rejectionsPerAnswer)],
  ["Violations listed for an item", count(limits.violationsPerItem)],
  ["Rejections replayed or dismissed in a call", count(limits.rejectionsPerCall)],
  ["Events read anew in a call", count(limits.eventsPerReprocessing)],
  ["Groups that events are added up by in a call", count(limits.aggregateRows)],
  ["Top paths", `${limits.topPathsDefault}, at most ${limits.topPathsMax}`],
  ["Senders in ingest statistics", count(limits.ingestStatsRows)],
  ["Page", `${limits.pageSizeDefault}, at most ${count(limits.pageSizeMax)}`],
  [
    "Window of a series by hour, by day, by week",
    `${limits.seriesHourDays}, ${limits.seriesDays}, ${count(limits.statsWindowDays)} days`,
  ],
  ["Labels that a filter names", count(limits.filterLabels)],
  ["Runs that a filter by label looks at", count(limits.labelledRuns)],
  ["Text that is searched for", bytes(limits.searchTextBytes)],
  ["A unary call", seconds(limits.unaryTimeoutMs)],
  ["First frame of a stream", seconds(limits.firstFrameTimeoutMs)],
  ["A frame, from its first byte to its last", seconds(limits.frameTimeoutMs)],
  ["Silence on an HTTP/1.1 stream", seconds(limits.http1SilenceTimeoutMs)],
  ["Streams of a connection", count(limits.streamsPerConnection)],
  ["Streams of a token on one server", count(limits.streamsPerToken)],
  ["Bytes read but not committed on one server, a project half of it", bytes(limits.bytesInFlight)],
  [
    "Bytes of messages being received on one server, a project half of it",
    bytes(limits.bytesReceiving),
  ],
  ["A run without traffic is abandoned after", `${limits.abandonAfterMs / 3_600_000} hours`],
];

it("says in every proto comment what the limits are", async () => {
  const said = await protoComments();
  const wrong: string[] = [];
  for (const [key, phrase] of Object.entries(comments)) {
    const texts = [...said].filter(([element]) => matches(element, key));
    if (texts.length === 0) wrong.push(`${key} does not exist`);
    for (const [element, text] of texts) {
      if (!text.includes(phrase)) wrong.push(`${element} does not say "${phrase}": ${text}`);
    }
  }
  expect(wrong).toEqual([]);
});

it("knows every figure in the proto comments", async () => {
  const unknown = [...(await protoComments())].filter(
    ([element, text]) =>
      FIGURE.test(text) && !Object.keys(comments).some((key) => matches(element, key)),
  );
  expect(unknown).toEqual([]);
});

it("shows the limits in the README's table under Limits", async () => {
  expect(tableRows(await readmeSection("Limits"))).toEqual(readme.map(tableRow));
});

it("has one figure where the README says one for several", () => {
  expect(limits.valueBytes).toBe(limits.failureMessageBytes);
  expect(limits.outputBytes).toBe(limits.traceBytes);
});

/** A size, or a count of things; not 0, 1, HTTP/1.1 or +1. Figures that no limit holds are left out. */
const FIGURE =
  /(?<!-)\d (?:bytes|[KMGT]iB|years)|[Uu]p to [\d,]+|first \d|more than \d+\.|above \d/;

/** The comment of every service, rpc, message, field and enum, as one line, by `Message.field` or `Service.Rpc`. */
async function protoComments(): Promise<Map<string, string>> {
  const folder = new URL("../../proto/tally/v1/", import.meta.url);
  const said = new Map<string, string>();
  for (const file of await readdir(folder)) {
    let container = "";
    let comment: string[] = [];
    for (const line of (await readFile(new URL(file, folder), "utf8")).split("\n")) {
      const text = line.trim();
      if (text.startsWith("//")) {
        comment.push(text.slice(2).trim());
        continue;
      }
      const [, opened] = /^(?:message|service|enum) (\w+)/.exec(text) ?? [];
      const [, rpc] = /^rpc (\w+)/.exec(text) ?? [];
      const [, field] = /(\w+) = \d+;$/.exec(text) ?? [];
      if (opened !== undefined) container = opened;
      const name = opened ?? ((rpc ?? field) ? `${container}.${rpc ?? field}` : undefined);
      if (name !== undefined && comment.length > 0) said.set(name, comment.join(" "));
      comment = [];
    }
  }
  return said;
}

function matches(element: string, key: string): boolean {
  return key.startsWith("*.") ? element.endsWith(key.slice(1)) : element === key;
}

/** As the docs write sizes: whole binary units. */
function bytes(size: number): string {
  for (const [unit, name] of [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
  ] as const) {
    if (size >= unit) return `${size / unit} ${name}`;
  }
  return `${size} bytes`;
}

/** As the docs write counts: a comma between thousands. */
function count(value: number): string {
  return value.toLocaleString("en-US");
}

function seconds(ms: number): string {
  return `${count(ms / 1000)} s`;
}
