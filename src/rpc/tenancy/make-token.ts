/** Makes a token: it is drawn before the first attempt, and its secret shown in this answer alone. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TokenSchema } from "../../../gen/tally/v1/tenancy_pb.js";
import { drawToken } from "../../auth/draw-token.js";
import type { ScopeName } from "../../auth/principal.js";
import { scopeSum } from "../../auth/scopes.js";
import { createToken as createStored } from "../../db/tokens.js";
import { notFound } from "../../errors.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import { tokenMessage } from "./messages.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** A token that may be made: the caller has checked it. */
export interface WantedToken {
  /** Null for an admin token. */
  readonly owner: ProjectRef | null;
  readonly name: string;
  readonly scopes: readonly ScopeName[];
  /** Microseconds since the epoch; null for never. */
  readonly expireUs: number | null;
}

/** A token that was made. */
export interface MadeToken {
  readonly token: MessageInitShape<typeof TokenSchema>;
  /** The whole credential. */
  readonly secret: string;
}

/** The token is stored, audited, counted and logged. Throws NOT_FOUND if its project is gone. */
export async function makeToken(
  deps: TenancyDeps,
  context: CallContext,
  { owner, name, scopes, expireUs }: WantedToken,
): Promise<MadeToken> {
  const startedAt = deps.now();
  const { tokenId, secret, text } = drawToken(owner === null ? "admin" : "proj", deps.randomBytes);
  const token = {
    tokenId,
    projectKey: owner?.projectKey ?? null,
    name,
    scopes: scopeSum(scopes),
    secretHash: await deps.hasher.hash(secret),
    expireUs,
  };
  const stored = await attempt(deps, context, () =>
    createStored(deps.db, token, actorOf(context), context.deadlineAt),
  );
  if (stored === null) throw notFound("project", owner?.projectId ?? "");
  deps.metrics.tokensCreated.inc();
  context.log.info({
    event: "token_created",
    project_id: owner?.projectId,
    token_id: context.principal?.tokenId,
    created_token_id: tokenId,
    duration_ms: elapsedMs(deps, startedAt),
  });
  return { token: tokenMessage(stored), secret: text };
}
