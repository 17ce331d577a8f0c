/** RevokeToken: it and its streams end on every server within a second. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { revokeToken as revokeStored } from "../../db/tokens.js";
import { notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { tokenMessage } from "./messages.js";
import { requireId } from "./require-id.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of RevokeToken. */
export function revokeToken(deps: TenancyDeps): Handler<typeof TenancyService.method.revokeToken> {
  return async ({ tokenId }, context) => {
    const startedAt = deps.now();
    requireId("token_id", tokenId);
    const { principal, deadlineAt } = context;
    const projectKey = principal?.kind === "project" ? principal.projectKey : null;
    let tries = 0;
    const revoked = await attempt(deps, context, (tried) => {
      tries = tried;
      return revokeStored(deps.db, tokenId, projectKey, actorOf(context), deadlineAt);
    });
    if (revoked === null) throw notFound("token", tokenId);
    // An attempt whose answer was lost may have been the one that revoked it.
    if (revoked.revokedNow || tries > 0) {
      context.log.info({
        event: "token_revoked",
        project_id: revoked.token.projectId || undefined,
        token_id: principal?.tokenId,
        revoked_token_id: tokenId,
        duration_ms: elapsedMs(deps, startedAt),
      });
    }
    return { token: tokenMessage(revoked.token) };
  };
}
