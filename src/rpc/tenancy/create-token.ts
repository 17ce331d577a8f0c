/** CreateToken: the whole token is drawn before the first attempt, and its secret shown in this answer alone. */
import { Code } from "@connectrpc/connect";
import type {
  CreateTokenRequest,
  TenancyService,
} from "../../../gen/tally/v1/tenancy_service_pb.js";
import { drawToken } from "../../auth/draw-token.js";
import type { ScopeName } from "../../auth/principal.js";
import { scopeSum } from "../../auth/scopes.js";
import { createToken as createStored } from "../../db/tokens.js";
import { callError, invalidArgument, notFound, type Violation } from "../../errors.js";
import { checkTime, toMicros } from "../../ingest/rules.js";
import type { CallContext, Handler } from "../handler.js";
import { scopeName, tokenMessage } from "./messages.js";
import { readName } from "./names.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";
import { ownerOf } from "./token-owner.js";

/** The handler of CreateToken. */
export function createToken(deps: TenancyDeps): Handler<typeof TenancyService.method.createToken> {
  return async (request, context) => {
    const startedAt = deps.now();
    const owner = await ownerOf(deps, request.projectId, context);
    const wanted = readRequest(request, owner === null, startedAt);
    checkScopes(wanted.scopes, context);
    const { tokenId, secret, text } = drawToken(
      owner === null ? "admin" : "proj",
      deps.randomBytes,
    );
    const token = {
      tokenId,
      projectKey: owner?.projectKey ?? null,
      name: wanted.name,
      scopes: scopeSum(wanted.scopes),
      secretHash: await deps.hasher.hash(secret),
      expireUs: wanted.expireUs,
    };
    const stored = await attempt(deps, context, () =>
      createStored(deps.db, token, actorOf(context), context.deadlineAt),
    );
    if (stored === null) throw notFound("project", owner?.projectId ?? "");
    deps.metrics.tokensCreated.inc();
    context.log.info({
      event: "token_created",
      project_id: owner?.projectId,
      token_id: context.principal?.tokenId,
      created_token_id: tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return { token: tokenMessage(stored), secret: text };
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
