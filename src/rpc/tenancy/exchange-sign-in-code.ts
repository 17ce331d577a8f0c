/** ExchangeSignInCode: the code of the printed link becomes an admin token, once. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { invalidArgument } from "../../errors.js";
import type { Handler } from "../handler.js";
import { makeToken } from "./make-token.js";
import type { TenancyDeps } from "./tenancy-deps.js";

/** The handler of ExchangeSignInCode. */
export function exchangeSignInCode(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.exchangeSignInCode> {
  return async ({ code }, context) => {
    if (code === "") throw invalidArgument([{ field: "code", description: "is required" }]);
    return deps.signIn.redeem(code, context.address, () =>
      makeToken(deps, context, {
        owner: null,
        name: "dashboard sign-in",
        scopes: [],
        expireUs: (deps.now() + VALID_MS) * 1000,
      }),
    );
  };
}

const VALID_MS = 30 * 24 * 3600 * 1000;
