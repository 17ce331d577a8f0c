/** ListAuditEntries: a page, newest first. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { listAuditEntries as listStored } from "../../db/audit-entries.js";
import type { Handler } from "../handler.js";
import { listPage } from "./list-page.js";
import { auditEntryMessage } from "./messages.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";
import { ownerOf } from "./token-owner.js";

/** The handler of ListAuditEntries. */
export function listAuditEntries(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.listAuditEntries> {
  return async (request, context) => {
    const projectId = (await ownerOf(deps, request.projectId, context))?.projectId ?? "";
    const { items, nextPageToken } = await listPage(
      deps,
      request,
      { query: "ListAuditEntries", projectId },
      (beforeId: string | null, limit) =>
        attempt(deps, context, () =>
          listStored(deps.db, projectId, beforeId, limit, context.deadlineAt),
        ),
      ({ auditEntryId }) => auditEntryId,
    );
    return { auditEntries: items.map(auditEntryMessage), nextPageToken };
  };
}
