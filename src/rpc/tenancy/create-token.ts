/** CreateToken. */
import { Code } from "@connectrpc/connect";
import type {
  CreateTokenRequest,
  TenancyService,
} from "../../../gen/tally/v1/tenancy_service_pb.js";
import type { ScopeName } from "../../auth/principal.js";
import { readToken } from "../../db/tokens.js";
import { callError, invalidArgument, type Violation } from "../../errors.js";
import { checkTime, toMicros } from "../../ingest/rules.js";
import type { CallContext, Handler } from "../handler.js";
import { makeToken } from "./make-token.js";
import { scopeName } from "./messages.js";
import { readName } from "./names.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";
import { ownerOf } from "./token-owner.js";

/** The handler of CreateToken. */
export function createToken(deps: TenancyDeps): Handler<typeof TenancyService.method.createToken> {
  return async (request, context) => {
    const owner = await ownerOf(deps, request.projectId, context);
    const wanted = readRequest(request, owner === null, deps.now());
    checkScopes(wanted.scopes, context);
    await checkLifetime(deps, wanted.expireUs, context);
    return makeToken(deps, context, { owner, ...wanted });
  };
}

function readRequest(request: CreateTokenRequest, isAdmin: boolean, now: number) {
  const violations: Violation[] = [];
  const name = readName(violations, "name", request.name);
  const scopes: ScopeName[] = [];
  for (const [i, scope] of request.scopes.entries()) {
    const known = scopeName(scope);
    if (known !== undefined) scopes.push(known);
    else violations.push({ field: `scopes[${i}]`, description: `${scope} is no scope` });
  }
  if (isAdmin && request.scopes.length > 0) {
    violations.push({
      field: "scopes",
      description: "an admin token has none: it may do everything; name a project otherwise",
    });
  } else if (!isAdmin && request.scopes.length === 0) {
    violations.push({ field: "scopes", description: "at least one is required" });
  }
  checkTime(violations, "expire_time", request.expireTime);
  const expireUs = request.expireTime === undefined ? null : toMicros(request.expireTime);
  if (expireUs !== null && expireUs <= now * 1000) {
    violations.push({ field: "expire_time", description: "is not in the future" });
  }
  if (violations.length > 0) throw invalidArgument(violations);
  return { name, scopes, expireUs };
}

function checkScopes(scopes: readonly ScopeName[], { principal }: CallContext): void {
  if (principal?.kind !== "project") return;
  const missing = scopes.find((scope) => !principal.scopes.has(scope));
  if (missing === undefined) return;
  throw callError(
    Code.PermissionDenied,
    `this token cannot give scope ${missing.toUpperCase()}: it does not have it`,
    { reason: "SCOPE_MISSING", metadata: { needed: missing } },
  );
}

/** What a project's token may do ends with it: the tokens that it makes do not outlive it. */
async function checkLifetime(
  deps: TenancyDeps,
  expireUs: number | null,
  context: CallContext,
): Promise<void> {
  const { principal, deadlineAt } = context;
  if (principal?.kind !== "project") return;
  const own = await attempt(deps, context, () => readToken(deps.db, principal.tokenId, deadlineAt));
  const endUs = own?.expireUs ?? null;
  if (endUs === null || (expireUs !== null && expireUs <= endUs)) return;
  const end = new Date(Math.floor(endUs / 1000)).toISOString();
  const description = `is required, and no later than ${end}, when the token that asks for it ends`;
  throw invalidArgument([{ field: "expire_time", description }]);
}
