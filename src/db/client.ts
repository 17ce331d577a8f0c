/**
 * The only importer of the driver. postgres.js 3.4.9 is sound as long as a client has one connection, no
 * pipelining, no transaction of its own, and is thrown away at the first doubt; everything here keeps to that:
 * - `sql.begin` and `reserve` throw an uncatchable TypeError when the backend dies, so every statement is
 *   auto-commit (migrations send BEGIN and COMMIT as text on a client of their own);
 * - a pipelined retry after ECONNRESET hangs for ever: `max_pipeline: 0`;
 * - after a backend dies in mid-result the next results can be wrong: their length is checked;
 * - there is no query or acquire timeout, and the queue is unbounded: deadlines and slots are ours;
 * - `end` only half-closes, which a dead peer never answers: the socket is ours, and destroyed.
 */
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { DbError, type DbErrorKind } from "./errors.js";
import type { Param, Queryable, QueryOptions } from "./queryable.js";

export interface ConnectionOptions {
  readonly url: string;
  /** False for PgBouncer in transaction mode: no named statements and no startup parameters. */
  readonly prepare: boolean;
  /** Startup parameters besides ours; ignored when `prepare` is false. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Longest time for TCP, TLS and authentication together. */
const CONNECT_TIMEOUT_SECONDS = 5;
/** A statement without a deadline of its own gives up after this. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** The server ends what we no longer wait for: a little later than we do. */
const SERVER_STATEMENT_TIMEOUT_MS = 35_000;

/** One connection, opened at its first statement and replaced after any doubt. One statement at a time. */
export class Connection implements Queryable, AsyncDisposable {
  readonly #options: ConnectionOptions;
  #live: { readonly sql: postgres.Sql; socket: Socket | undefined } | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  async query<Row extends object>(
    text: string,
    params: readonly Param[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    return this.#send<Row>(options.deadlineAt, (sql) =>
      sql.unsafe(text, params.map(toDriver), { prepare: this.#options.prepare }),
    );
  }

  /** Sends text without parameters by the simple protocol: several statements, for migrations. */
  async run(text: string, options: QueryOptions = {}): Promise<void> {
    await this.#send(options.deadlineAt, (sql) => sql.unsafe(text).simple());
  }

  async #send<Row extends object>(
    deadlineAt: number | undefined,
    send: (sql: postgres.Sql) => PromiseLike<postgres.RowList<postgres.Row[]>>,
  ): Promise<Row[]> {
    const waitMs = Math.min(STATEMENT_TIMEOUT_MS, (deadlineAt ?? Infinity) - Date.now());
    if (waitMs <= 0) throw new DbError("timeout", "the deadline passed before the statement", "", "");
    this.#live ??= this.#open();
    const live = this.#live;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new DbError("timeout", `no answer within ${Math.round(waitMs)} ms`, "", "")),
        waitMs,
      );
    });
    try {
      const rows = await Promise.race([send(live.sql), late]);
      if (rows.columns !== undefined && rows.columns.length > 0 && rows.length !== rows.count) {
        throw new DbError("transient", "the result is not whole", "", "");
      }
      return rows as unknown as Row[];
    } catch (cause) {
      const error = classify(cause);
      if (error.sqlState === "" || isConnectionLoss(error.sqlState)) this.#discard(live);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #open() {
    const { url, prepare, settings } = this.#options;
    const live: { sql: postgres.Sql; socket: Socket | undefined } = {
      socket: undefined,
      sql: postgres(url, {
        max: 1,
        prepare,
        fetch_types: false,
        connect_timeout: CONNECT_TIMEOUT_SECONDS,
        idle_timeout: 0,
        max_lifetime: null,
        backoff: () => 0.1,
        onnotice: () => {},
        connection: prepare
          ? {
              application_name: "tally",
              statement_timeout: SERVER_STATEMENT_TIMEOUT_MS,
              ...settings,
            }
          : { application_name: "tally" },
        // Both are read by the driver and missing from its types.
        ...{ max_pipeline: 0, socket: (o: DriverAddress) => openSocket(o, live) },
      }),
    };
    return live;
  }

  #discard(live: { readonly sql: postgres.Sql; socket: Socket | undefined }): void {
    if (this.#live === live) this.#live = undefined;
    // The driver rejects what is pending; nobody waits for it any more.
    live.sql.end({ timeout: 0 }).catch(() => {});
    live.socket?.destroy();
  }

  /** Closes the connection. A statement under way fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    const live = this.#live;
    if (live === undefined) return;
    this.#live = undefined;
    await live.sql.end({ timeout: 0 }).catch(() => {});
    live.socket?.destroy();
  }
}

interface DriverAddress {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** A connected socket for the driver, kept where it can be destroyed. */
function openSocket(
  address: DriverAddress,
  keeper: { socket: Socket | undefined },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = address.path
      ? connect(address.path)
      : connect({ host: address.host[0], port: address.port[0] ?? 5432, noDelay: true });
    keeper.socket = socket;
    const timer = setTimeout(
      () => socket.destroy(new Error("connecting took too long")),
      CONNECT_TIMEOUT_SECONDS * 1000,
    );
    const settle = (error?: Error) => {
      clearTimeout(timer);
      socket.off("error", settle).off("connect", settle);
      if (error === undefined) resolve(socket);
      else reject(error);
    };
    socket.once("error", settle).once("connect", () => settle());
  });
}

function toDriver(param: Param): string | number | boolean | Date | Buffer | null {
  if (typeof param === "bigint") return param.toString();
  if (param instanceof Uint8Array) {
    return Buffer.from(param.buffer, param.byteOffset, param.byteLength);
  }
  return param;
}

/** What a thrown value of the driver means for the code above. */
function classify(cause: unknown): DbError {
  if (cause instanceof DbError) return cause;
  const fields = (cause ?? {}) as { code?: unknown; message?: unknown; constraint_name?: unknown };
  const code = typeof fields.code === "string" ? fields.code : "";
  const message = typeof fields.message === "string" ? fields.message : String(cause);
  const constraint = typeof fields.constraint_name === "string" ? fields.constraint_name : "";
  const sqlState = SQL_STATE.test(code) ? code : "";
  return new DbError(kindOf(sqlState), message, sqlState, constraint, { cause });
}

/** Without an SQL state the failure is the connection's: refused, reset, closed, timed out. */
function kindOf(sqlState: string): DbErrorKind {
  if (sqlState === "" || isConnectionLoss(sqlState)) return "transient";
  if (sqlState === "23505") return "unique";
  if (sqlState === "23514") return "check";
  if (sqlState === "57014") return "timeout";
  if (TRANSIENT.has(sqlState) || /^(53|58)/.test(sqlState)) return "transient";
  if (/^(22|23|54)/.test(sqlState)) return "poison";
  return "bug";
}

/** Class 08 and the shutdowns of class 57: the connection is of no more use. */
function isConnectionLoss(sqlState: string): boolean {
  return sqlState.startsWith("08") || ["57P01", "57P02", "57P03", "57P05"].includes(sqlState);
}

const SQL_STATE = /^[0-9A-Z]{5}$/;
/** Serialization failure, deadlock, lock not available, and a server that has become read-only. */
const TRANSIENT = new Set(["40001", "40P01", "55P03", "25006"]);
