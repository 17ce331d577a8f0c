/** ListRejections: what was refused, newest first. */
import type { RejectionService } from "../../../gen/tally/v1/rejection_service_pb.js";
import { listRejections as listStored, type RejectionKey } from "../../db/rejections.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { toFilter } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";
import { rejectionMessage } from "./rejection-message.js";

/** The handler of ListRejections. */
export function listRejections(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.listRejections> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const filter = toFilter(request.filter);
    const size = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListRejections", filter]), projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as RejectionKey | null;
    const page = { after, limit: size, maxBytes: limits.rejectionPageBytes };
    try {
      const { rejections, more } = await listStored(
        deps.db,
        projectKey,
        filter,
        page,
        context.deadlineAt,
      );
      const last = rejections.at(-1);
      return {
        rejections: rejections.map(rejectionMessage),
        nextPageToken:
          more && last !== undefined
            ? deps.pageTokens.seal({
                key: { createUs: last.createUs, rejectionId: last.rejectionId },
                ...scope,
              })
            : "",
      };
    } catch (error) {
      throw fromDbError(error, context.deadlineAt);
    }
  };
}
