/** What clients sent, and what they were answered: the record that the database is held against. */
import { ConnectError } from "@connectrpc/connect";
import type { RejectedItem } from "../../gen/tally/v1/rejection_pb.js";
import type { Part, TestResult } from "../../gen/tally/v1/run_pb.js";
import { errorReason } from "../../src/client/index.js";

/** Where results are sent to. */
export interface Target {
  readonly projectId: string;
  readonly runId: string;
  readonly part: Part;
}

/** A result that was sent to a target, once or more often. */
export interface Attempt {
  readonly target: Target;
  readonly result: TestResult;
  /** It breaks no rule. */
  readonly valid: boolean;
}

/** The counts and refusals that every answer of an upload has. */
export interface Answer {
  readonly acceptedCount: bigint | number;
  readonly duplicateCount: bigint | number;
  readonly conflictCount: bigint | number;
  readonly rejectedCount: bigint | number;
  readonly rejections: readonly RejectedItem[];
  readonly rejectionsTruncated: boolean;
}

/**
 * What a client knows of an attempt: it is `stored`; it was `refused` under an id; or it is `committed`, one or
 * the other, which is all that an interrupted upload says.
 */
export interface Acknowledgement {
  readonly attempt: Attempt;
  readonly outcome: "stored" | "refused" | "committed";
  readonly item?: RejectedItem;
}

/** A whole request that was sent to be refused. */
export interface RefusedRequest {
  readonly projectId: string;
  readonly runId: string;
  readonly bytes: Uint8Array;
  /** As it was answered. */
  rejectionId: string | null;
}

/** What was counted in answers, by target. */
export interface AnsweredCounts {
  readonly target: Target;
  readonly counts: readonly [
    accepted: number,
    duplicate: number,
    conflict: number,
    rejected: number,
  ];
}

export interface Journal {
  readonly attempts: readonly Attempt[];
  readonly acknowledgements: readonly Acknowledgement[];
  readonly answered: readonly AnsweredCounts[];
  readonly requests: readonly RefusedRequest[];
  /** What must not happen, seen from the outside: hangs, answers that do not add up, unknown errors. */
  readonly complaints: readonly string[];
  /** Failed calls by code and reason. */
  readonly failures: ReadonlyMap<string, number>;
  /** Of the longest call, answered or not. */
  readonly longestMs: number;
  attempt(target: Target, result: TestResult, valid: boolean): Attempt;
  request(target: Target, bytes: Uint8Array): RefusedRequest;
  /** The answer is about these attempts; the first of them has the index `firstIndex` in it. */
  take(attempts: readonly Attempt[], answer: Answer, firstIndex?: number): void;
  /** They are stored or kept; which is not known. */
  committed(attempts: readonly Attempt[]): void;
  failed(error: unknown): void;
  lasted(ms: number): void;
  complain(complaint: string): void;
}

/** An empty journal. */
export function createJournal(): Journal {
  const attempts: Attempt[] = [];
  const acknowledgements: Acknowledgement[] = [];
  const answered: AnsweredCounts[] = [];
  const requests: RefusedRequest[] = [];
  const complaints: string[] = [];
  const failures = new Map<string, number>();
  let longestMs = 0;
  return {
    attempts,
    acknowledgements,
    answered,
    requests,
    complaints,
    failures,
    get longestMs() {
      return longestMs;
    },
    attempt(target, result, valid) {
      const attempt = { target, result, valid };
      attempts.push(attempt);
      return attempt;
    },
    request({ projectId, runId }, bytes) {
      const request = { projectId, runId, bytes, rejectionId: null };
      requests.push(request);
      return request;
    },
    take(sent, answer, firstIndex = 0) {
      const refused = new Map(answer.rejections.map((item) => [Number(item.index), item]));
      const counts = countsOf(answer);
      const sum = counts.reduce((total, count) => total + count, 0);
      if (sum !== sent.length || answer.rejectionsTruncated) {
        complaints.push(`${sent.length} results were answered with the counts ${counts}`);
      }
      sent.forEach((attempt, i) => {
        const item = refused.get(firstIndex + i);
        refused.delete(firstIndex + i);
        if (item === undefined) acknowledgements.push({ attempt, outcome: "stored" });
        else acknowledgements.push({ attempt, outcome: "refused", item });
      });
      for (const index of refused.keys()) {
        complaints.push(`the refused index ${index} is not of this answer`);
      }
      const target = sent[0]?.target;
      if (target !== undefined) answered.push({ target, counts });
    },
    committed(sent) {
      for (const attempt of sent) acknowledgements.push({ attempt, outcome: "committed" });
    },
    failed(error) {
      const { code } = ConnectError.from(error);
      const key = `${code} ${errorReason(error) ?? "transport"}`;
      failures.set(key, (failures.get(key) ?? 0) + 1);
    },
    lasted(ms) {
      longestMs = Math.max(longestMs, ms);
    },
    complain: (complaint) => complaints.push(complaint),
  };
}

function countsOf(answer: Answer): AnsweredCounts["counts"] {
  return [
    Number(answer.acceptedCount),
    Number(answer.duplicateCount),
    Number(answer.conflictCount),
    Number(answer.rejectedCount),
  ];
}
