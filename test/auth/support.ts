/** A database with tokens in it, and authenticators on it. */
import { randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { drawToken } from "../../src/auth/draw-token.js";
import type { ScopeName } from "../../src/auth/principal.js";
import { scopeSum } from "../../src/auth/scopes.js";
import { SecretHasher } from "../../src/auth/secret-hasher.js";
import { formatToken } from "../../src/auth/token.js";
import { TokenAuthenticator } from "../../src/auth/token-authenticator.js";
import { createOrganization } from "../../src/db/organizations.js";
import { Pool } from "../../src/db/pool.js";
import { createProject, readProject } from "../../src/db/projects.js";
import type { Queryable } from "../../src/db/queryable.js";
import { base32 } from "../../src/db/tenancy-ids.js";
import { createToken } from "../../src/db/tokens.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

export const actor = { tokenId: "tester", address: "" };

export interface MadeToken {
  readonly tokenId: string;
  /** As it is sent. */
  readonly header: string;
}

export class AuthLab implements AsyncDisposable {
  readonly hasher = new SecretHasher({ cost: 4 });
  readonly #disposables: AsyncDisposable[] = [];

  static async start(): Promise<AuthLab> {
    return new AuthLab(await createTestDatabase());
  }

  readonly pool: Pool;

  private constructor(readonly database: TestDatabase) {
    this.pool = this.connect(database.url);
  }

  /** Another pool, for example through a proxy. */
  connect(url: string): Pool {
    const pool = new Pool({ url, prepare: true, size: 2 });
    this.#disposables.push(pool);
    return pool;
  }

  /** Another server's. */
  authenticator(now: () => number = Date.now, db: Queryable = this.pool): TokenAuthenticator {
    const made = new TokenAuthenticator({
      db,
      hasher: this.hasher,
      now,
      log: createLogger("silent"),
    });
    this.#disposables.unshift(made);
    return made;
  }

  async project(): Promise<{ projectKey: string; projectId: string; organizationId: string }> {
    const organizationId = `org_${base32(randomBytes(20))}`;
    const projectId = `prj_${base32(randomBytes(20))}`;
    const name = projectId;
    await createOrganization(this.pool, { organizationId, name }, actor, Infinity);
    const settings = {
      retentionDays: 0,
      defaultBranch: "",
      eventPolicy: 0,
      keptRefusalBytes: 0n,
      callsPerSecond: 7,
      eventRetentionDays: 0,
    };
    await createProject(this.pool, { projectId, organizationId, name, settings }, actor, Infinity);
    const project = await readProject(this.pool, projectId, Infinity);
    if (project === null) throw new Error("no project");
    return { projectKey: project.projectKey, projectId, organizationId };
  }

  /** A token of the project; with null an admin token. */
  async token(
    projectKey: string | null,
    options: { scopes?: ScopeName[]; expireUs?: number } = {},
  ): Promise<MadeToken> {
    const { tokenId, secret, text } = drawToken(
      projectKey === null ? "admin" : "proj",
      randomBytes,
    );
    const scopes = projectKey === null ? 0 : scopeSum(options.scopes ?? ["ingest"]);
    const secretHash = await this.hasher.hash(secret);
    const token = { tokenId, projectKey, name: "test", scopes, secretHash };
    const expireUs = options.expireUs ?? null;
    await createToken(this.pool, { ...token, expireUs }, actor, Infinity);
    return { tokenId, header: `Bearer ${text}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#disposables) await each[Symbol.asyncDispose]();
    await this.hasher[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}

/** A well-formed token of the same id with another secret. */
export function wrongSecret({ header }: MadeToken): string {
  const { text } = drawToken("proj", randomBytes);
  const id = header.split("_")[2] ?? "";
  const prefix = header.includes("tly_admin_") ? "admin" : "proj";
  return `Bearer ${formatToken({ prefix, id, secret: text.split("_")[3] ?? "" })}`;
}

/** The same id and secret, with the kind of an admin token and a right checksum. */
export function asAdmin({ header }: MadeToken): string {
  const [, , id = "", secret = ""] = header.split("_");
  return `Bearer ${formatToken({ prefix: "admin", id, secret })}`;
}

/** The code and reason with which a call fails; "" if it does not. */
export async function failureOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return "";
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return `${Code[error.code]} ${error.findDetails(ErrorInfoSchema)[0]?.reason ?? ""}`;
  }
}
