/** GetRejection: what was refused, by its id. */
import type { RejectionService } from "../../../gen/tally/v1/rejection_service_pb.js";
import { readRejection } from "../../db/rejections.js";
import { invalidArgument, notFound } from "../../errors.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { isRejectionId } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";
import { rejectionMessage } from "./rejection-message.js";

/** The handler of GetRejection. */
export function getRejection(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.getRejection> {
  return async ({ projectId, rejectionId }, context) => {
    const { projectKey } = await deps.resolveProject(projectId, context);
    if (rejectionId === "") {
      throw invalidArgument([{ field: "rejection_id", description: "is required" }]);
    }
    if (!isRejectionId(rejectionId)) throw notFound("rejection", rejectionId);
    const { deadlineAt } = context;
    try {
      const stored = await readRejection(deps.db, projectKey, rejectionId, deadlineAt);
      if (stored !== null) return { rejection: rejectionMessage(stored) };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
    throw notFound("rejection", rejectionId);
  };
}
