/** ListTokens: a page, newest first. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { listTokens as listStored, type TokenListKey } from "../../db/tokens.js";
import type { Handler } from "../handler.js";
import { listPage } from "./list-page.js";
import { tokenMessage } from "./messages.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";
import { ownerOf } from "./token-owner.js";

/** The handler of ListTokens. */
export function listTokens(deps: TenancyDeps): Handler<typeof TenancyService.method.listTokens> {
  return async (request, context) => {
    const owner = await ownerOf(deps, request.projectId, context);
    const { items, nextPageToken } = await listPage(
      deps,
      request,
      { query: "ListTokens", projectId: owner?.projectId ?? "" },
      (after: TokenListKey | null, limit) =>
        attempt(deps, context, () =>
          listStored(deps.db, owner?.projectKey ?? null, after, limit, context.deadlineAt),
        ),
      ({ createUs, tokenId }) => ({ createUs, tokenId }),
    );
    return { tokens: items.map(tokenMessage), nextPageToken };
  };
}
