/** What the handlers of TenancyService share. */
import type { SecretHasher } from "../../auth/secret-hasher.js";
import type { SignIn } from "../../auth/sign-in-code.js";
import type { Queryable } from "../../db/queryable.js";
import { withRetries } from "../../db/retry.js";
import type { Actor } from "../../db/tenancy-ids.js";
import type { EventPolicies } from "../../events/policies.js";
import type { Metrics } from "../../metrics.js";
import { fromDbError } from "../database-error.js";
import type { CallContext } from "../handler.js";
import type { PageTokens } from "../page-token.js";
import type { ResolveProject } from "../resolve-project.js";

/** What the handlers work with. */
export interface TenancyDeps {
  readonly db: Queryable;
  readonly hasher: SecretHasher;
  readonly resolveProject: ResolveProject;
  readonly pageTokens: PageTokens;
  readonly metrics: Metrics;
  readonly policies: EventPolicies;
  readonly signIn: SignIn;
  /** Of the server. */
  readonly version: string;
  /** Whether callers may ask for simulated failures. */
  readonly faultsEnabled: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
}

/**
 * The result of a statement that is idempotent by its keys: tried again after a failure that passes, until
 * the call's deadline. Errors of the database become the caller's. The statement hears which attempt it is,
 * from 0.
 */
export async function attempt<T>(
  deps: TenancyDeps,
  context: CallContext,
  statement: (attempt: number) => Promise<T>,
): Promise<T> {
  let count = 0;
  try {
    return await withRetries(() => statement(count++), {
      deadlineAt: context.deadlineAt,
      random: deps.random,
      onRetry: (error) =>
        deps.metrics.statementRetries.inc({ cause: error.sqlState || error.kind }),
    });
  } catch (error) {
    throw fromDbError(error, context.deadlineAt);
  }
}

/** Who calls, for the audit log. */
export function actorOf({ principal, address }: CallContext): Actor {
  return { tokenId: principal?.tokenId ?? "", address };
}

/** Whole milliseconds since `startedAt`. */
export function elapsedMs(deps: TenancyDeps, startedAt: number): number {
  return Math.max(0, Math.round(deps.now() - startedAt));
}
