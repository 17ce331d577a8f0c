/** GetOrganization. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { readOrganization } from "../../db/organizations.js";
import { notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { organizationMessage } from "./messages.js";
import { requireId } from "./require-id.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of GetOrganization. */
export function getOrganization(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.getOrganization> {
  return async ({ organizationId }, context) => {
    requireId("organization_id", organizationId);
    const organization = await attempt(deps, context, () =>
      readOrganization(deps.db, organizationId, context.deadlineAt),
    );
    if (organization === null) throw notFound("organization", organizationId);
    return { organization: organizationMessage(organization) };
  };
}
