/** ReplayRejections: sends kept items through ingestion again, mended or as they are. */
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  FinishRunRequestSchema,
  IngestRunRequestSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import {
  type RejectionService,
  type ReplayEntry,
  ReplayEntrySchema,
  ReplayOutcome,
  type ReplayResultSchema,
} from "../../../gen/tally/v1/rejection_service_pb.js";
import { PartSchema, RunSchema, TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import {
  closeRejections,
  listRejections,
  REJECTION_KINDS,
  REJECTION_STATES,
  readRejections,
  type StoredRejection,
} from "../../db/rejections.js";
import { type RetryOptions, withRetries } from "../../db/retry.js";
import type { Violation } from "../../errors.js";
import { ingestBatch } from "../../ingest/ingest-batch.js";
import { settleRunState } from "../../ingest/settle-run.js";
import { validateResult } from "../../ingest/validate-result.js";
import { RunGone } from "../../ingest/write-job.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { CallContext, Handler } from "../handler.js";
import { toCallError } from "../ingest/failures.js";
import { closeRunRequest, validateFinishRun } from "../ingest/finish-run.js";
import { retryOf, tokenOf } from "../ingest/ingest-deps.js";
import { openTarget } from "../ingest/open-target.js";
import { storeRunRequest, validateRunRequest } from "../ingest/store-run-request.js";
import type { ProjectRef } from "../resolve-project.js";
import { checkSelection, isRejectionId, openOnly, toFilter } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";

/** The handler of ReplayRejections. */
export function replayRejections(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.replayRejections> {
  return async (request, context) => {
    const retry = retryOf(deps, context);
    const project = await deps.resolveProject(request.projectId, context);
    checkSelection("entries", request.entries.length, request.filter !== undefined);
    const replay = new Replay(deps, project, context, retry, request.validateOnly);
    try {
      if (request.filter === undefined) {
        const ids = request.entries.map((entry) => entry.rejectionId).filter(isRejectionId);
        const stored = await readRejections(deps.db, project.projectKey, ids, retry.deadlineAt);
        return { results: await replay.all(request.entries, stored), more: false };
      }
      const filter = openOnly(toFilter(request.filter));
      const page = {
        after: null,
        limit: limits.rejectionsPerCall + 1,
        maxBytes: REPLAYED_BYTES,
        oldestFirst: true,
      };
      const found =
        filter === null
          ? []
          : await listRejections(deps.db, project.projectKey, filter, page, retry.deadlineAt);
      const stored = found.slice(0, limits.rejectionsPerCall);
      const entries = stored.map(({ rejectionId }) => create(ReplayEntrySchema, { rejectionId }));
      const bytes = stored.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      return {
        results: await replay.all(entries, stored),
        more: found.length > stored.length || bytes > REPLAYED_BYTES,
      };
    } catch (error) {
      throw fromDbError(error);
    }
  };
}

/** Kept bytes that one call by filter takes up. */
const REPLAYED_BYTES = 16 * 1024 * 1024;

type Result = MessageInitShape<typeof ReplayResultSchema>;
type Judgement = Pick<Result, "outcome" | "fieldViolations" | "newRejectionId">;

/** One call: the entries go through ingestion one after the other. */
class Replay {
  constructor(
    private readonly deps: RejectionDeps,
    private readonly project: ProjectRef,
    private readonly context: CallContext,
    private readonly retry: RetryOptions,
    private readonly validateOnly: boolean,
  ) {}

  async all(entries: readonly ReplayEntry[], stored: readonly StoredRejection[]) {
    const byId = new Map(stored.map((rejection) => [rejection.rejectionId, rejection]));
    const results: Result[] = [];
    for (const entry of entries) {
      const { rejectionId } = entry;
      const rejection = byId.get(rejectionId);
      const judgement =
        rejection === undefined
          ? { outcome: ReplayOutcome.NOT_FOUND }
          : rejection.state !== REJECTION_STATES.open
            ? { outcome: ReplayOutcome.ALREADY_CLOSED }
            : await this.#replay(rejection, entry);
      results.push({ rejectionId, ...judgement });
    }
    return results;
  }

  async #replay(rejection: StoredRejection, entry: ReplayEntry): Promise<Judgement> {
    const judgement = await this.#send(rejection, entry);
    const { outcome } = judgement;
    const isStored = outcome === ReplayOutcome.ACCEPTED || outcome === ReplayOutcome.DUPLICATE;
    if (this.validateOnly || !isStored) return judgement;
    const { db } = this.deps;
    const { projectKey } = this.project;
    const closing = {
      state: REJECTION_STATES.resolved,
      closedBy: tokenOf(this.context),
      note: "",
    };
    const ids = [rejection.rejectionId];
    const closed = await withRetries(
      () => closeRejections(db, projectKey, ids, closing, this.retry.deadlineAt),
      this.retry,
    );
    for (const { runKey } of closed) {
      if (runKey !== null) await settleRunState(db, projectKey, runKey, this.retry);
    }
    return judgement;
  }

  #send(rejection: StoredRejection, entry: ReplayEntry): Promise<Judgement> | Judgement {
    const { replacement } = entry;
    const kept = rejection.bytes ?? new Uint8Array();
    switch (rejection.kind) {
      case REJECTION_KINDS.result:
        if (replacement.case !== undefined && replacement.case !== "result") {
          return wrongKind(replacement.case);
        }
        return this.#sendResult(
          rejection,
          replacement.case === "result" ? replacement.value : fromBinary(TestResultSchema, kept),
          replacement.case === "result",
        );
      case REJECTION_KINDS.run:
        if (replacement.case !== undefined && replacement.case !== "ingestRunRequest") {
          return wrongKind(replacement.case);
        }
        return this.#sendRun(replacement.value ?? kept, rejection.rejectionId);
      case REJECTION_KINDS.finish:
        if (replacement.case !== undefined && replacement.case !== "finishRunRequest") {
          return wrongKind(replacement.case);
        }
        return this.#sendFinish(replacement.value ?? kept);
      default:
        return wrongKind("event");
    }
  }

  async #sendResult(
    rejection: StoredRejection,
    result: ReturnType<typeof fromBinary<typeof TestResultSchema>>,
    isReplaced: boolean,
  ): Promise<Judgement> {
    if (this.validateOnly) return judged(validateResult(result));
    const { deps, project, retry } = this;
    const request = create(IngestRunRequestSchema, {
      run: create(RunSchema, { runId: rejection.runId }),
      part: fromBinary(PartSchema, rejection.part),
    });
    const opening = { request, violations: [], streamed: false };
    return this.#judge(rejection.runId, async () => {
      const { target } = await openTarget(deps, project, tokenOf(this.context), opening, retry);
      const outcome = await ingestBatch(deps, target, [result], rejection.index, retry);
      const [refused] = outcome.refused;
      if (refused === undefined) {
        return {
          outcome: outcome.acceptedCount > 0 ? ReplayOutcome.ACCEPTED : ReplayOutcome.DUPLICATE,
        };
      }
      return {
        outcome: outcome.conflictCount > 0 ? ReplayOutcome.CONFLICT : ReplayOutcome.REJECTED,
        fieldViolations: refused.violations.slice(0, limits.violationsPerItem),
        newRejectionId: isReplaced ? refused.rejectionId : "",
      };
    });
  }

  async #sendRun(bytes: Uint8Array, rejectionId: string): Promise<Judgement> {
    const request = decode(() => fromBinary(IngestRunRequestSchema, bytes));
    if (request === null) return undecodable("ingest_run_request");
    const violations = validateRunRequest(request);
    if (this.validateOnly || violations.length > 0) return judged(violations);
    const { deps, project, retry } = this;
    return this.#judge(request.run?.runId ?? "", async () => {
      const token = tokenOf(this.context);
      const { summary, outcome } = await storeRunRequest(deps, project, token, request, retry);
      if (summary.runConflict.length > 0) {
        return {
          outcome: ReplayOutcome.CONFLICT,
          fieldViolations: summary.runConflict.map((field) => ({
            field: `run.${field}`,
            description: "is stored with another value; the first stays",
          })),
        };
      }
      const isNew = !summary.runDuplicate || outcome.acceptedCount > 0;
      // Refused results of it are rejections of their own now.
      const [refused] = outcome.refused;
      return {
        outcome: isNew ? ReplayOutcome.ACCEPTED : ReplayOutcome.DUPLICATE,
        newRejectionId: refused?.rejectionId === rejectionId ? "" : (refused?.rejectionId ?? ""),
      };
    });
  }

  async #sendFinish(bytes: Uint8Array): Promise<Judgement> {
    const request = decode(() => fromBinary(FinishRunRequestSchema, bytes));
    if (request === null) return undecodable("finish_run_request");
    const violations = validateFinishRun(request);
    if (this.validateOnly || violations.length > 0) return judged(violations);
    const { deps, project, retry } = this;
    return this.#judge(request.runId, async () => {
      const closed = await closeRunRequest(deps, project, tokenOf(this.context), request, retry);
      if (closed === null) {
        return judged([{ field: "run_id", description: "there is no such run" }]);
      }
      if (closed.conflicts.length > 0) {
        return {
          outcome: ReplayOutcome.CONFLICT,
          fieldViolations: closed.conflicts.map((field) => ({
            field,
            description: "is stored with another value; the first stays",
          })),
        };
      }
      await settleRunState(deps.db, project.projectKey, closed.runKey, retry);
      return { outcome: closed.duplicate ? ReplayOutcome.DUPLICATE : ReplayOutcome.ACCEPTED };
    });
  }

  /** A run that takes nothing refuses the entry alone; other failures end the call. */
  async #judge(runId: string, send: () => Promise<Judgement>): Promise<Judgement> {
    try {
      return await send();
    } catch (error) {
      const cause =
        error instanceof RunGone
          ? await toCallError(this.deps, this.project, runId, error, this.retry)
          : error;
      if (cause instanceof ConnectError && cause.code === Code.FailedPrecondition) {
        return judged([{ field: "run_id", description: cause.rawMessage }]);
      }
      throw cause;
    }
  }
}

function judged(violations: readonly Violation[]): Judgement {
  return {
    outcome: violations.length === 0 ? ReplayOutcome.ACCEPTED : ReplayOutcome.REJECTED,
    fieldViolations: violations.slice(0, limits.violationsPerItem),
  };
}

function wrongKind(field: string): Judgement {
  return judged([{ field: `replacement.${field}`, description: "does not fit this rejection" }]);
}

function undecodable(field: string): Judgement {
  return judged([{ field: `replacement.${field}`, description: "does not decode" }]);
}

function decode<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // Bytes of a client: malformed is one of the answers.
    return null;
  }
}
