/**
 * The only importer of the driver. postgres.js 3.4.9 is sound as long as a client has one connection, no
 * pipelining, no transaction of its own, and is thrown away at the first doubt; everything here keeps to that:
 * - `sql.begin` and `reserve` throw an uncatchable TypeError when the backend dies, so every statement is
 *   auto-commit (migrations send BEGIN and COMMIT as text on a client of their own);
 * - a pipelined retry after ECONNRESET hangs for ever: `max_pipeline: 0`;
 * - after a failure in mid-result the driver counts the next rows from where it stopped: rows are collected
 *   here, one by one, and their number is checked;
 * - there is no query or acquire timeout, and the queue is unbounded: deadlines and slots are ours;
 * - `end` only half-closes, which a dead peer never answers: the socket is ours, and destroyed;
 * - a client connects again without a pause to a peer that hangs up at once, and once more after it was ended:
 *   it gets one socket, and a lost one is replaced by another client;
 * - text for a json, boolean, bytea or time parameter is encoded as if it were a value: ours goes as it is.
 */
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { classify, isConnectionLoss } from "./classify.js";
import { DbError } from "./errors.js";
import type { Param, Queryable, QueryOptions } from "./queryable.js";
import { toRow } from "./rows.js";

export interface ConnectionOptions {
  readonly url: string;
  /** False for PgBouncer in transaction mode: no named statements, and no startup parameters but those it takes. */
  readonly prepare: boolean;
  /** Called for each NOTIFY on the channels that the connection listens to. */
  readonly onNotify?: () => void;
  /** Startup parameters besides ours; ignored when `prepare` is false. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Longest time for a statement, whatever its deadline; default 30 s. The server's own bound is a setting. */
  readonly statementTimeoutMs?: number;
}

/** Longest time for TCP, TLS and authentication together. */
const CONNECT_TIMEOUT_SECONDS = 5;
/** A statement without a deadline of its own gives up after this. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** The server ends what we no longer wait for: a little later than we do. */
const SERVER_STATEMENT_TIMEOUT_MS = 35_000;
/**
 * The best plan of ours depends neither on the values nor on how full the tables are, and planning takes longer than many
 * of them run. Left to itself, Postgres plans a statement anew, for 1.3 ms, as long as that seems to cost less than the
 * plan it keeps: it compares with the plans that it made first, when there was less in the tables. A plan that it keeps
 * may be as old as the table: without the last one, what was empty then is read whole until it is analyzed.
 */
const PLANNING = { plan_cache_mode: "force_generic_plan", enable_seqscan: "off" };
/** How soon the server notices that we hung up, and lets go of a statement's locks. */
export const SERVER_HANGUP_CHECK_MS = 1_000;

/**
 * Startup parameters that PgBouncer takes too. In what form dates, bytes and numbers are answered is nothing that the
 * database or the role decides.
 */
const EVERYWHERE = { application_name: "tally", DateStyle: "ISO" };

/** One connection, opened at its first statement and replaced after any doubt. One statement at a time. */
export class Connection implements Queryable, AsyncDisposable {
  readonly #options: ConnectionOptions;
  #live: Live | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  async query<Row extends object>(
    text: string,
    params: readonly Param[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    let rows: Row[] = [];
    await this.#send(options.deadlineAt, async (sql) => {
      const { prepare } = this.#options;
      const { count, columns } = await sql
        .unsafe(text, params.map(toDriver), { prepare })
        .values()
        .forEach((values, result) => {
          rows.push(toRow(values, result.statement.columns) as Row);
        });
      if (!isWhole(rows.length, count, columns)) {
        throw new DbError("transient", "the result is not whole", "", "");
      }
    });
    // The driver's query, which is garbage now, holds the function that fills `rows`, and with it they would outlive
    // every collection of young objects: a third of what a page of results takes the processor.
    const collected = rows;
    rows = [];
    return collected;
  }

  /** Sends text without parameters by the simple protocol: several statements, for migrations. */
  async run(text: string, options: QueryOptions = {}): Promise<void> {
    await this.#send(options.deadlineAt, (sql) => sql.unsafe(text).simple());
  }

  async #send(
    deadlineAt: number | undefined,
    send: (sql: postgres.Sql) => PromiseLike<unknown>,
  ): Promise<void> {
    const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = this.#options;
    const waitMs = Math.min(statementTimeoutMs, (deadlineAt ?? Infinity) - Date.now());
    if (waitMs <= 0)
      throw new DbError("timeout", "the deadline passed before the statement", "", "");
    if (this.#closed) throw new DbError("transient", "the connection is closed", "", "");
    if (this.#live?.socket?.destroyed) this.#discard(this.#live);
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
      await Promise.race([send(live.sql), late]);
    } catch (cause) {
      const error = classify(cause);
      if (error.sqlState === "" || isConnectionLoss(error.sqlState)) this.#discard(live);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #open(): Live {
    const { url, prepare, settings, onNotify } = this.#options;
    const live: Live = {
      socket: undefined,
      ended: false,
      sql: postgres(url, {
        max: 1,
        prepare,
        fetch_types: false,
        connect_timeout: CONNECT_TIMEOUT_SECONDS,
        idle_timeout: 0,
        max_lifetime: null,
        backoff: () => 0.1,
        onnotice: () => {},
        types: textTypes,
        connection: prepare
          ? {
              ...EVERYWHERE,
              bytea_output: "hex",
              extra_float_digits: 1,
              statement_timeout: SERVER_STATEMENT_TIMEOUT_MS,
              client_connection_check_interval: SERVER_HANGUP_CHECK_MS,
              // Compiling a plan takes longer than any of ours runs.
              jit: "off",
              ...PLANNING,
              ...settings,
            }
          : EVERYWHERE,
        // Read by the driver and missing from its types.
        ...{
          max_pipeline: 0,
          socket: (o: DriverAddress) => openSocket(o, live),
          onnotify: onNotify,
        },
      }),
    };
    return live;
  }

  #discard(live: Live): void {
    if (this.#live === live) this.#live = undefined;
    live.ended = true;
    // The driver rejects what is pending; nobody waits for it any more.
    live.sql.end({ timeout: 0 }).catch(() => {});
    live.socket?.destroy();
  }

  /** Closes the connection for good. A statement under way fails, and so does every later one. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const live = this.#live;
    if (live === undefined) return;
    this.#live = undefined;
    live.ended = true;
    await live.sql.end({ timeout: 0 }).catch(() => {});
    live.socket?.destroy();
  }
}

/** One client of the driver and the socket it uses. */
interface Live {
  readonly sql: postgres.Sql;
  socket: Socket | undefined;
  /** Nobody uses it any more: it must not connect again. */
  ended: boolean;
}

interface DriverAddress {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** A connected socket for the driver, kept where it can be destroyed. */
function openSocket(address: DriverAddress, live: Live): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (live.ended || live.socket !== undefined) {
      reject(new Error("the connection was closed"));
      return;
    }
    const [host, port] = [address.host[0] ?? "localhost", address.port[0] ?? 5432];
    const socket = address.path
      ? connect(address.path)
      : // The driver reads host and port for TLS and for its messages.
        Object.assign(connect({ host, port, noDelay: true }), { host, port });
    live.socket = socket;
    const timer = setTimeout(
      () => socket.destroy(new Error("connecting took too long")),
      CONNECT_TIMEOUT_SECONDS * 1000,
    );
    const onConnect = () => settle();
    const onClose = () => settle(new Error("closed while connecting"));
    const settle = (error?: Error) => {
      clearTimeout(timer);
      socket.off("error", settle).off("connect", onConnect).off("close", onClose);
      if (error === undefined) resolve(socket);
      else reject(error);
    };
    socket.once("error", settle).once("connect", onConnect).once("close", onClose);
  });
}

/**
 * False for a result that lost rows. A statement that reports no count, such as SHOW or EXPLAIN, cannot be
 * checked.
 */
function isWhole(
  rowCount: number,
  count: number | null | undefined,
  columns: readonly unknown[] | undefined,
): boolean {
  if (columns === undefined || columns.length === 0) return true;
  return count === null || count === undefined || rowCount === count;
}

function toDriver(param: Param): string | number | boolean | Date | Buffer | null {
  if (typeof param === "bigint") return param.toString();
  if (param instanceof Uint8Array) {
    return Buffer.from(param.buffer, param.byteOffset, param.byteLength);
  }
  return param;
}

/**
 * The driver's types, except that text is sent as it is: it would quote JSON once more, take "true" for
 * false, and cut times to milliseconds.
 */
const textTypes = {
  json: {
    to: 114,
    from: [114, 3802],
    serialize: String,
    parse: (text: string) => JSON.parse(text),
  },
  boolean: { to: 16, from: [16], serialize: String, parse: (text: string) => text === "t" },
  date: {
    to: 1184,
    from: [1082, 1114, 1184],
    serialize: (value: string | Date) => (value instanceof Date ? value.toISOString() : value),
    parse: (text: string) => new Date(text),
  },
  bytea: {
    to: 17,
    from: [17],
    serialize: (value: string | Buffer) =>
      typeof value === "string" ? value : `\\x${value.toString("hex")}`,
    parse: (text: string) => Buffer.from(text.slice(2), "hex"),
  },
};
