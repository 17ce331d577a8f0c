/** The ways of sending results, each of which sends again after any doubt. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { between, type Random } from "../../bench/random.js";
import {
  IngestRunRequestSchema,
  UploadFinishSchema,
  UploadProgressSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { errorMetadata, type TallyClient, uploadResults } from "../../src/client/index.js";
import { limits } from "../../src/limits.js";
import type { Attempt, Journal, Target } from "./journal.js";
import type { Again } from "./send-again.js";

export interface SendContext {
  readonly client: Pick<TallyClient, "ingest">;
  readonly journal: Journal;
  readonly random: Random;
  readonly again: Again;
}

/** Resolves when every attempt is acknowledged; all are of the target. */
export type Sender = (
  context: SendContext,
  target: Target,
  attempts: readonly Attempt[],
) => Promise<void>;

const CALL_TIMEOUT_MS = 8_000;

/** By IngestRun, all in one call. */
export const sendUnary: Sender = async (context, { runId, part }, attempts) => {
  const { client, journal, again } = context;
  const request = { run: { runId }, part, results: resultsOf(attempts) };
  await again(async (signal) => {
    const options = { timeoutMs: CALL_TIMEOUT_MS, signal };
    journal.take(attempts, await client.ingest.ingestRun(request, options));
  });
};

/** By PublishResults: each stream goes on after what the one before acknowledged. */
export const sendPublished: Sender = async (context, target, attempts) => {
  const { client, journal, again } = context;
  let done = 0;
  await again(async (signal) => {
    const from = done;
    const plan = planStream(context, target, attempts.slice(from));
    try {
      for await (const answer of client.ingest.publishResults(plan.frames(), { signal })) {
        const end = from + plan.endOf(answer.committedSequence);
        journal.take(attempts.slice(done, end), answer, done - from);
        done = end;
        if (answer.finished) return;
      }
      throw new ConnectError("the end was not acknowledged", Code.Unavailable);
    } catch (error) {
      const end = from + plan.endOf(progressOf(error));
      journal.committed(attempts.slice(done, end));
      done = Math.max(done, end);
      throw error;
    }
  });
};

/** By UploadResults: after a cut goes on where UploadProgress says, or from the start. */
export const sendUploaded: Sender = async (context, target, attempts) => {
  const { client, journal, random, again } = context;
  let done = 0;
  await again(async (signal) => {
    const from = done;
    const plan = planStream(context, target, attempts.slice(from));
    try {
      const answer = await client.ingest.uploadResults(plan.frames(), { signal });
      journal.take(attempts.slice(from), answer);
    } catch (error) {
      const end = from + plan.endOf(progressOf(error));
      journal.committed(attempts.slice(from, end));
      done = random() < 0.5 ? end : 0;
      throw error;
    }
  });
};

/** By the client's own upload, which resumes by itself. */
export const sendResuming: Sender = async (context, { runId, part }, attempts) => {
  const { client, journal, random, again } = context;
  await again(async (signal) => {
    let acknowledged = 0;
    const options = {
      batchResults: between(random, 3, 20),
      onProgress: (progress: { acknowledgedCount: number }) => {
        acknowledged = progress.acknowledgedCount;
      },
      random,
      signal,
    };
    try {
      const open = { run: { runId }, part };
      const summary = await uploadResults(client, open, resultsOf(attempts), options);
      journal.take(attempts, summary);
    } catch (error) {
      journal.committed(attempts.slice(0, acknowledged));
      throw error;
    }
  });
};

/** A run that breaks a rule: it is refused with what came with it, and kept. */
export const sendRefused: Sender = async (context, target, attempts) => {
  const { client, journal, again } = context;
  const request = create(IngestRunRequestSchema, {
    run: { runId: target.runId, framework: "x".repeat(limits.nameBytes + 1) },
    part: target.part,
    results: resultsOf(attempts),
  });
  const entry = journal.request(target, toBinary(IngestRunRequestSchema, request));
  await again(async (signal) => {
    try {
      await client.ingest.ingestRun(request, { timeoutMs: CALL_TIMEOUT_MS, signal });
      journal.complain(`run ${target.runId} was taken although it breaks a rule`);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.InvalidArgument) throw error;
      entry.rejectionId = errorMetadata(error)["rejection_id"] ?? "";
    }
  });
};

/** Cuts the attempts into batches of one stream. */
function planStream({ random }: SendContext, target: Target, attempts: readonly Attempt[]) {
  const first = BigInt(between(random, 0, 3));
  const ends: number[] = [];
  for (let end = 0; end < attempts.length; ) {
    end = Math.min(attempts.length, end + between(random, 3, 20));
    ends.push(end);
  }
  async function* frames() {
    const open = { run: { runId: target.runId }, part: target.part };
    yield { frame: { case: "open" as const, value: open } };
    let from = 0;
    for (const [i, end] of ends.entries()) {
      const results = resultsOf(attempts.slice(from, end));
      yield { frame: { case: "batch" as const, value: { sequence: first + BigInt(i), results } } };
      from = end;
    }
    yield { frame: { case: "finish" as const, value: create(UploadFinishSchema) } };
  }
  /** How many attempts are committed with the sequence. */
  const endOf = (sequence: bigint | undefined) =>
    sequence === undefined ? 0 : (ends[Number(sequence - first)] ?? 0);
  return { frames, endOf };
}

function progressOf(error: unknown): bigint | undefined {
  return ConnectError.from(error).findDetails(UploadProgressSchema)[0]?.committedSequence;
}

function resultsOf(attempts: readonly Attempt[]) {
  return attempts.map(({ result }) => result);
}
