/** Random uploads to a few runs that share tests, commits and branches: repeats, retries, conflicts, late facts. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { between, pick, type Random } from "../../../bench/random.js";
import type { IngestRunRequestSchema } from "../../../gen/tally/v1/ingest_service_pb.js";
import { Status } from "../../../gen/tally/v1/run_pb.js";

/** A call of IngestRun. */
export type Upload = MessageInitShape<typeof IngestRunRequestSchema>;

const DAY_MS = 24 * 3_600_000;
const MESSAGES = [
  "expected 1 to equal 2",
  "expected 3 to equal 44",
  "connect ECONNREFUSED 127.0.0.1:5432",
  "",
] as const;
const STATUSES = [
  Status.PASSED,
  Status.PASSED,
  Status.PASSED,
  Status.FAILED,
  Status.FAILED,
  Status.ERRORED,
  Status.SKIPPED,
  Status.PRECLUDED,
] as const;
const DURATIONS_US = [
  0, 1, 48, 49, 1_000, 1_019, 123_456, 60_000_000, 316_224_000_000_000,
] as const;

/** Uploads that go together: their runs get the facts in whichever comes first. */
export function randomUploads(
  random: Random,
  count: number,
  runs: number,
  nowMs: number,
): Upload[] {
  const facts = Array.from({ length: runs }, (_, i) => runFacts(random, i, nowMs));
  const uploads: Upload[] = [];
  while (uploads.length < count) {
    const earlier = uploads[between(random, 0, uploads.length - 1)];
    if (random() < 0.15 && earlier !== undefined) {
      uploads.push(earlier);
      continue;
    }
    const run = facts[between(random, 0, runs - 1)];
    if (run !== undefined) uploads.push(randomUpload(random, run));
  }
  return uploads;
}

type Run = NonNullable<Upload["run"]> & { readonly runId: string };

function runFacts(random: Random, index: number, nowMs: number): Run {
  const daysAgo = pick(random, [0, 0, 0, 1, 2, 6, 7, 29, 30, 89, 90, 120]);
  const startMs = nowMs - daysAgo * DAY_MS - between(random, 0, 5_000_000);
  return {
    runId: `run ${index}`,
    ...(random() < 0.7 ? { startTime: timestampFromMs(startMs) } : {}),
    source: {
      branch: pick(random, ["", "main", "dev"]),
      commitSha: pick(random, ["", "c1", "c1", "c2"]),
      treeSha: pick(random, ["", "", "t1", "t2"]),
      dirty: random() < 0.15,
    },
  };
}

function randomUpload(random: Random, run: Run): Upload {
  const source = run.source ?? {};
  const ends = random() < 0.2;
  return {
    // Some callers know less of the run: what they leave out comes with another one, or never.
    run: {
      runId: run.runId,
      ...(random() < 0.8 && run.startTime !== undefined ? { startTime: run.startTime } : {}),
      source: {
        ...(random() < 0.7 && source.branch !== undefined ? { branch: source.branch } : {}),
        ...(random() < 0.7 && source.commitSha !== undefined
          ? { commitSha: source.commitSha }
          : {}),
        ...(random() < 0.7 && source.treeSha !== undefined ? { treeSha: source.treeSha } : {}),
        ...(random() < 0.8 && source.dirty !== undefined ? { dirty: source.dirty } : {}),
      },
      ...(ends
        ? { status: Status.PASSED, duration: { seconds: BigInt(between(random, 0, 9_000)) } }
        : {}),
    },
    part: { job: pick(random, ["", "e2e"]), attempt: between(random, 1, 2) },
    results: Array.from({ length: between(random, 0, 12) }, () => randomResult(random)),
  };
}

function randomResult(random: Random): NonNullable<Upload["results"]>[number] {
  const status = pick(random, STATUSES);
  const durationUs = pick(random, DURATIONS_US);
  const failed = status === Status.FAILED || status === Status.ERRORED;
  return {
    // Another content under an id that is taken is a conflict; a nameless test is refused.
    ...(random() < 0.5 ? { resultId: `result ${between(random, 0, 6)}` } : {}),
    test: { name: random() < 0.03 ? "" : `test ${between(random, 0, 9)}` },
    status,
    attempt: between(random, 1, 3),
    ...(random() < 0.8
      ? {
          duration: {
            seconds: BigInt(Math.floor(durationUs / 1_000_000)),
            nanos: (durationUs % 1_000_000) * 1000,
          },
        }
      : {}),
    ...(failed
      ? {
          failure: {
            message: pick(random, MESSAGES),
            type: pick(random, ["", "AssertionError"]),
            kind: pick(random, ["", "k\0"]),
            trace: "at cart.test.ts:12\n".repeat(between(random, 0, 400)),
          },
        }
      : {}),
  };
}
