/** What replays of every kind share. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ReplayOutcome,
  type ReplayResultSchema,
} from "../../../gen/tally/v1/rejection_service_pb.js";
import type { RetryOptions } from "../../db/retry.js";
import type { Violation } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { RejectionDeps } from "./rejection-deps.js";

/** One call of ReplayRejections. */
export interface Replay {
  readonly deps: RejectionDeps;
  readonly project: ProjectRef;
  readonly context: CallContext;
  readonly tokenId: string;
  readonly retry: RetryOptions;
  readonly validateOnly: boolean;
}

export type Judgement = Pick<
  MessageInitShape<typeof ReplayResultSchema>,
  "outcome" | "fieldViolations" | "newRejectionId"
>;

/** ACCEPTED without violations, REJECTED with them. */
export function judged(violations: readonly Violation[]): Judgement {
  return {
    outcome: violations.length === 0 ? ReplayOutcome.ACCEPTED : ReplayOutcome.REJECTED,
    fieldViolations: violations
      .slice(0, limits.violationsPerItem)
      .map(({ field, description }) => ({ field, description })),
  };
}
