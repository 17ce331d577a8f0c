/** GetCaller. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { tokenRevoked, unauthenticated } from "../../auth/auth-errors.js";
import { readProject } from "../../db/projects.js";
import { readToken } from "../../db/tokens.js";
import { mayCall } from "../access.js";
import type { Handler } from "../handler.js";
import { projectMessage, projectNames, tokenMessage } from "./messages.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of GetCaller. */
export function getCaller(deps: TenancyDeps): Handler<typeof TenancyService.method.getCaller> {
  return async (_, context) => {
    const { principal, deadlineAt } = context;
    if (principal === null) throw unauthenticated();
    const token = await attempt(deps, context, () =>
      readToken(deps.db, principal.tokenId, deadlineAt),
    );
    const project =
      principal.kind === "admin"
        ? undefined
        : await attempt(deps, context, () => readProject(deps.db, principal.projectId, deadlineAt));
    // As GetProject: a token that sends alone may not read the settings.
    const shown = mayCall("manage-or-read", principal) ? projectMessage : projectNames;
    // Its project was deleted since the call was let in.
    if (token === null || project === null) throw tokenRevoked();
    return {
      token: tokenMessage(token),
      ...(project === undefined ? {} : { project: shown(project) }),
      serverVersion: deps.version,
      faultsEnabled: deps.faultsEnabled,
    };
  };
}
