/** TenancyService on a database of its own, called without a server. */
import { randomBytes } from "node:crypto";
import { create, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import type { Principal, ScopeName } from "../../../src/auth/principal.js";
import { SecretHasher } from "../../../src/auth/secret-hasher.js";
import { createSignIn, drawSignInCode } from "../../../src/auth/sign-in-code.js";
import { DbError } from "../../../src/db/errors.js";
import { Pool } from "../../../src/db/pool.js";
import type { Queryable } from "../../../src/db/queryable.js";
import { createEventPolicies } from "../../../src/events/policies.js";
import { createLogger } from "../../../src/log.js";
import { createMetrics } from "../../../src/metrics.js";
import type { CallContext } from "../../../src/rpc/handler.js";
import { createPageTokens } from "../../../src/rpc/page-token.js";
import { createProjectResolver } from "../../../src/rpc/resolve-project.js";
import { tenancyRoute } from "../../../src/rpc/tenancy/tenancy-routes.js";
import { createTestDatabase, type TestDatabase } from "../../support/database.js";

type Methods = typeof TenancyService.method;

export const ADMIN: Principal = { kind: "admin", tokenId: "theadmin" };

export class TenancyLab implements AsyncDisposable {
  readonly metrics = createMetrics();
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[] = [];
  readonly pool: Pool;
  readonly hasher = new SecretHasher({ cost: 4 });
  readonly signInCode = drawSignInCode(randomBytes);
  /** Where refused codes came from. */
  readonly refusedFrom: string[] = [];
  readonly #signIn = createSignIn({
    now: Date.now,
    onRefused: (address) => void this.refusedFrom.push(address),
  });
  readonly #pageTokens = createPageTokens(randomBytes(32));
  readonly #log = createLogger("info", {
    write: (line) => void this.lines.push(JSON.parse(line) as Record<string, unknown>),
  });

  static async start(): Promise<TenancyLab> {
    return new TenancyLab(await createTestDatabase());
  }

  private constructor(readonly database: TestDatabase) {
    this.#signIn.offer(this.signInCode);
    this.pool = new Pool({ url: database.url, prepare: true, size: 3 });
  }

  /** Calls a method as the guard would let it through; `db` may lose answers, and the time be short. */
  async call<K extends keyof Methods>(
    method: K,
    request: MessageInitShape<Methods[K]["input"]>,
    principal: Principal | null = ADMIN,
    db: Queryable = this.pool,
    timeoutMs = 20_000,
  ): Promise<MessageShape<Methods[K]["output"]>> {
    const { handlers } = tenancyRoute({
      db,
      hasher: this.hasher,
      // Not cached here, so that tests need not wait.
      resolveProject: createProjectResolver(db, () => 0),
      pageTokens: this.#pageTokens,
      metrics: this.metrics,
      policies: createEventPolicies(db, Date.now),
      signIn: this.#signIn,
      version: "1.2.3",
      faultsEnabled: false,
      now: Date.now,
      random: Math.random,
      randomBytes,
    });
    const { input, output } = TenancyService.method[method];
    const handler = handlers[method] as (
      request: unknown,
      context: CallContext,
    ) => Promise<MessageInitShape<Methods[K]["output"]>>;
    const context = this.#context(principal, timeoutMs);
    return create(output, await handler(create(input, request), context));
  }

  async organization(name = `org ${randomBytes(6).toString("hex")}`): Promise<string> {
    const { organization } = await this.call("createOrganization", { name });
    return organization?.organizationId ?? "";
  }

  async project(organizationId?: string, name = "shop"): Promise<string> {
    const owner = organizationId ?? (await this.organization());
    const { project } = await this.call("createProject", { organizationId: owner, name });
    return project?.projectId ?? "";
  }

  /** A principal of the project's, as its token would be. */
  async member(projectId: string, ...scopes: ScopeName[]): Promise<Principal> {
    const [row] = await this.pool.query<{ project_key: string }>(
      "SELECT project_key FROM projects WHERE project_id = $1",
      [projectId],
    );
    const projectKey = row?.project_key ?? "";
    const tokenId = "amember";
    const of = { projectId, projectKey, scopes: new Set(scopes), callsPerSecond: 0 };
    return { kind: "project", tokenId, ...of };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
    await this.hasher[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }

  #context(principal: Principal | null, timeoutMs: number): CallContext {
    return {
      requestId: "req-1",
      protocol: "grpc",
      principal,
      signal: new AbortController().signal,
      deadlineAt: Date.now() + timeoutMs,
      fault: "",
      address: "10.0.0.1",
      log: this.#log.child({ request_id: "req-1" }),
      beforeDecoding() {},
    };
  }
}

/** What a failed call says: its code, reason, metadata and the fields at fault. */
export interface Failure {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  readonly fields: string[];
}

/** The failure of a call; throws if it succeeds. */
export async function failure(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const info = error.findDetails(ErrorInfoSchema)[0];
    return {
      code: Code[error.code] ?? "",
      reason: info?.reason ?? "",
      metadata: info?.metadata ?? {},
      fields:
        error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field) ?? [],
    };
  }
  throw new Error("the call succeeded");
}

/**
 * A database that carries out the first statement that matches, and loses its answer; `meanwhile` happens
 * before the next attempt.
 */
export function losingAnswers(
  db: Queryable,
  matches: RegExp,
  meanwhile: () => Promise<unknown> = async () => {},
): Queryable & { lost: number } {
  const losing: Queryable & { lost: number } = {
    lost: 0,
    async query(text, params, options) {
      const rows = await db.query<never>(text, params, options);
      if (losing.lost === 0 && matches.test(text)) {
        losing.lost += 1;
        await meanwhile();
        throw new DbError("transient", "the answer was lost", "", "");
      }
      return rows;
    },
  };
  return losing;
}
