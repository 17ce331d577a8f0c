/** RejectionService: a missing RPC does not compile. */
import { RejectionService } from "../../../gen/tally/v1/rejection_service_pb.js";
import type { Route } from "../handler.js";
import { dismissRejections } from "./dismiss-rejections.js";
import { getRejection } from "./get-rejection.js";
import { listRejections } from "./list-rejections.js";
import type { RejectionDeps } from "./rejection-deps.js";
import { replayRejections } from "./replay-rejections.js";

/** The service with its handlers and scopes. */
export function rejectionRoute(deps: RejectionDeps): Route<typeof RejectionService> {
  return {
    service: RejectionService,
    handlers: {
      listRejections: listRejections(deps),
      getRejection: getRejection(deps),
      replayRejections: replayRejections(deps),
      dismissRejections: dismissRejections(deps),
    },
    access: {
      listRejections: "read",
      getRejection: "read",
      replayRejections: "manage",
      dismissRejections: "manage",
    },
  };
}
