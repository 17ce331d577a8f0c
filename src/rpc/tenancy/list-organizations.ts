/** ListOrganizations: a page by name. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { listOrganizations as listStored } from "../../db/organizations.js";
import type { Handler } from "../handler.js";
import { listPage } from "./list-page.js";
import { organizationMessage } from "./messages.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of ListOrganizations. */
export function listOrganizations(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.listOrganizations> {
  return async (request, context) => {
    const scope = { query: "ListOrganizations", projectId: "" };
    const { items, nextPageToken } = await listPage(
      deps,
      request,
      scope,
      (afterName: string | null, limit) =>
        attempt(deps, context, () => listStored(deps.db, afterName, limit, context.deadlineAt)),
      ({ name }) => name,
    );
    return { organizations: items.map(organizationMessage), nextPageToken };
  };
}
