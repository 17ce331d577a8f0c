/** CreateOrganization: the id is drawn before the first attempt, so that a repeat meets its own row. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { createOrganization as createStored } from "../../db/organizations.js";
import { base32 } from "../../db/tenancy-ids.js";
import { invalidArgument, type Violation } from "../../errors.js";
import type { Handler } from "../handler.js";
import { organizationMessage } from "./messages.js";
import { nameTaken, readName } from "./names.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of CreateOrganization. */
export function createOrganization(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.createOrganization> {
  return async (request, context) => {
    const startedAt = deps.now();
    const violations: Violation[] = [];
    const name = readName(violations, "name", request.name);
    if (violations.length > 0) throw invalidArgument(violations);
    const organizationId = `org_${base32(deps.randomBytes(20))}`;
    const made = await attempt(deps, context, () =>
      createStored(deps.db, { organizationId, name }, actorOf(context), context.deadlineAt),
    );
    if (made.outcome === "name-taken") throw nameTaken("organization", name, made.organizationId);
    deps.metrics.organizationsCreated.inc();
    context.log.info({
      event: "org_created",
      organization_id: organizationId,
      token_id: context.principal?.tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return { organization: organizationMessage(made.organization) };
  };
}
