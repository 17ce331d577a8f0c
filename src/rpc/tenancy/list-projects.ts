/** ListProjects: a page of an organization's projects by name. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { readOrganization } from "../../db/organizations.js";
import { listProjects as listStored } from "../../db/projects.js";
import { notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { listPage } from "./list-page.js";
import { projectMessage } from "./messages.js";
import { requireId } from "./require-id.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of ListProjects. */
export function listProjects(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.listProjects> {
  return async (request, context) => {
    const { organizationId } = request;
    const { deadlineAt } = context;
    requireId("organization_id", organizationId);
    const scope = { query: JSON.stringify(["ListProjects", organizationId]), projectId: "" };
    const { items, nextPageToken } = await listPage(
      deps,
      request,
      scope,
      (afterName: string | null, limit) =>
        attempt(deps, context, () =>
          listStored(deps.db, organizationId, afterName, limit, deadlineAt),
        ),
      ({ name }) => name,
    );
    if (items.length === 0) {
      const owner = await attempt(deps, context, () =>
        readOrganization(deps.db, organizationId, deadlineAt),
      );
      if (owner === null) throw notFound("organization", organizationId);
    }
    return { projects: items.map(projectMessage), nextPageToken };
  };
}
