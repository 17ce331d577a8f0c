/** DeleteOrganization: it and its projects are gone at once; rows follow in the background. */
import { Code } from "@connectrpc/connect";
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { deleteOrganization as deleteStored } from "../../db/organizations.js";
import { callError, notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { requireId } from "./require-id.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of DeleteOrganization. */
export function deleteOrganization(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.deleteOrganization> {
  return async ({ organizationId, force }, context) => {
    const startedAt = deps.now();
    requireId("organization_id", organizationId);
    const actor = actorOf(context);
    const outcome = await attempt(deps, context, async (tries) => {
      const found = await deleteStored(deps.db, organizationId, force, actor, context.deadlineAt);
      // An attempt whose answer was lost has deleted it.
      return found === "not_found" && tries > 0 ? "deleted" : found;
    });
    if (outcome === "not_found") throw notFound("organization", organizationId);
    if (outcome === "has_projects") {
      throw callError(
        Code.FailedPrecondition,
        `organization ${organizationId} has projects: set force to delete them too`,
        { reason: "ORGANIZATION_NOT_EMPTY", metadata: { organization_id: organizationId } },
      );
    }
    context.log.info({
      event: "org_deleted",
      organization_id: organizationId,
      token_id: context.principal?.tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return {};
  };
}
