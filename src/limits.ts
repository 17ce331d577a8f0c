/**
 * Every bound of the contract, in one place. Proto comments and the README repeat these figures; a test
 * holds them to it. Sizes are UTF-8 bytes unless the name says otherwise.
 */
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const limits = {
  /** A protobuf or JSON message, a unary body or one frame of a stream. */
  messageBytes: 4 * MiB,
  /** A message of a call that needs no token: anybody may send it. */
  publicMessageBytes: 4 * KiB,
  resultsPerMessage: 5000,
  eventsPerMessage: 5000,
  /** Values in the Structs of a message: as many as the JSON of one event holds, at two bytes each. */
  valuesPerMessage: 128 * KiB,
  resultIdBytes: 128,
  runIdBytes: 256,
  /** Names, suites, files, jobs and every other short text. */
  nameBytes: 1 * KiB,
  failureMessageBytes: 8 * KiB,
  /** Expected and actual values and skip reasons. */
  valueBytes: 8 * KiB,
  traceBytes: 64 * KiB,
  /** Each of stdout and stderr. */
  outputBytes: 64 * KiB,
  /** Labels of a run count over all its calls. */
  mapEntries: 64,
  mapKeyBytes: 64,
  mapValueBytes: 256,
  shardTotal: 10_000,
  /** Parts of a run: each shard of the largest job, and its repeat. GetRun and settling take some 15 µs a part. */
  runParts: 20_000,
  /** Names of the parts that GetRun lists. */
  runPartBytes: 1 * MiB,
  /** Attempts and repeat indexes fit a smallint column. */
  attempts: 32_767,
  /** Ten years; also keeps sums of durations inside a bigint. */
  durationSeconds: 10 * 366 * 24 * 3600,
  /** The JSON of one event. */
  eventPayloadBytes: 256 * KiB,
  /** Objects and arrays within each other in an event, itself included. */
  eventDepth: 32,
  /** Client, metric and user of an event; a path has `nameBytes`. An index holds several of them. */
  eventNameBytes: 512,
  idempotencyKeyBytes: 128,
  /** Digits before and after the decimal point of an amount. */
  amountIntegerDigits: 30,
  amountFractionDigits: 30,
  warningsPerEvent: 32,
  testsPerProject: 2_000_000,
  keptRefusalBytesPerProject: 1 * GiB,
  /** Events that one call reads anew. */
  eventsPerReprocessing: 1000,
  /** Entries of one replay or dismissal. */
  rejectionsPerCall: 1000,
  /** Kept bytes and violations in one page of rejections. */
  rejectionPageBytes: 2 * MiB,
  /** Texts in one page of events. */
  eventPageBytes: 2 * MiB,
  /** Kept events that the retention report counts one by one; of more it gives an estimate. */
  eventsCounted: 100_000,
  /** Events that are looked at for one page, whether they match or not. */
  eventsExaminedPerPage: 10_000,
  topPathsDefault: 10,
  topPathsMax: 100,
  aggregateRows: 10_000,
  ingestStatsDays: 366,
  ingestStatsRows: 1000,
  /** Widest windows of figures, in days: of a project and of series by week, by day, by hour. */
  statsWindowDays: 1100,
  seriesDays: 366,
  seriesHourDays: 31,
  /** Labels of a filter. */
  filterLabels: 10,
  /** Runs that are looked at for the figures of those with labels. */
  labelledRuns: 100_000,
  /** Runs that are looked at for one page of those with labels. */
  runsExaminedPerPage: 10_000,
  /** A text that is searched for in names. */
  searchTextBytes: 256,
  /** Evidence of one flaky test: alone, and in a list; and the message of a failure that an answer quotes. */
  flakeEvidence: 10,
  flakeEvidenceListed: 3,
  quotedMessageBytes: 1 * KiB,
  /** What is stored of the results in one page. */
  resultPageBytes: 3 * MiB,
  /** Results that are looked at for one page of those with a text or a status. */
  resultsExaminedPerPage: 2_500,
  /** Tests in each list of a comparison. */
  changesDefault: 100,
  changesMax: 1000,
  /** Texts in one of the six lists. */
  changesBytes: 512 * KiB,
  /** Missing tests of a run that are listed, and that are kept. */
  missingTests: 100,
  missingTestsKept: 1000,
  /** Runs that a watcher is told first. */
  watchedRunsFirst: 100,
  /** Failures that a watcher is told of a run at a time, and what is stored of them. */
  watchedFailures: 100,
  watchedFailureBytes: 1 * MiB,
  /** Runs of which a watcher may have to be told; one that is further behind ends. */
  watchedRunsBehind: 1000,
  watchHeartbeatMs: 15_000,
  /** Flaky tests that are judged for one page, whether they match or not. */
  flakyTestsExamined: 1000,
  /** Probable outages that are named for a failure group. */
  outageRuns: 10,
  /** Texts in one page of tests or failure groups. */
  statsPageBytes: 3 * MiB,
  violationsPerItem: 32,
  rejectionsPerAnswer: 100,
  /** Other producers of a part that an answer names. */
  otherProducers: 10,
  pageSizeDefault: 50,
  pageSizeMax: 1000,
  /** Error details after base64: C-core clients lose trailers from 6.5 KB up. */
  errorDetailBytes: 4 * KiB,
  streamsPerConnection: 100,
  streamsPerToken: 1000,
  /** Bytes of messages read but not committed, per server. */
  bytesInFlight: 64 * MiB,
  /** Bytes of messages of which a part has come, per server; a project has half of it. */
  bytesReceiving: 64 * MiB,
  unaryTimeoutMs: 120_000,
  firstFrameTimeoutMs: 10_000,
  /** From a frame's first byte to its last. */
  frameTimeoutMs: 30_000,
  /** Silence on an HTTP/1.1 stream, which has no PING. */
  http1SilenceTimeoutMs: 600_000,
  headersTimeoutMs: 10_000,
  drainTimeoutMs: 8_000,
  /** A connection that holds refused streams is destroyed after this. */
  refusedStreamTimeoutMs: 5_000,
  /** A run without traffic for this long is abandoned. */
  abandonAfterMs: 24 * 3600 * 1000,
  /** How long the bytes of a resolved or dismissed rejection are kept. */
  closedRefusalBytesMs: 30 * 24 * 3600 * 1000,
  /** How long the audit log keeps refused calls. */
  auditedRefusalsMs: 30 * 24 * 3600 * 1000,
  /** For which the failures of runs are kept at least, where retention takes their results: the longest window. */
  failureDays: 90,
  /** For which an event whose content left by retention is still known when it is sent again. */
  eventDedupDays: 90,
} as const;
