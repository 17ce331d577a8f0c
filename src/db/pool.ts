/** A fixed number of connections that callers share, with a bounded queue: no wait is without an end. */
import { Connection, type ConnectionOptions } from "./client.js";
import { DbError } from "./errors.js";
import type { Param, Queryable, QueryOptions } from "./queryable.js";

export interface PoolOptions extends ConnectionOptions {
  readonly size: number;
}

/** Callers that may wait for a slot, per slot. */
const WAITING_PER_SLOT = 200;
/** Longest wait for a slot. */
const ACQUIRE_TIMEOUT_MS = 10_000;

/** Runs each statement on a slot of its own: reads and small writes. */
export class Pool implements Queryable, AsyncDisposable {
  readonly #all: readonly Connection[];
  readonly #free: Connection[];
  readonly #waiting: { take: (slot: Connection) => void }[] = [];

  constructor(options: PoolOptions) {
    this.#all = Array.from({ length: options.size }, () => new Connection(options));
    this.#free = [...this.#all];
  }

  /** Slots in use, and callers that wait for one. */
  get load(): { readonly used: number; readonly waiting: number } {
    return { used: this.#all.length - this.#free.length, waiting: this.#waiting.length };
  }

  async query<Row extends object>(
    text: string,
    params: readonly Param[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    const slot = this.#free.pop() ?? (await this.#wait(options.deadlineAt));
    try {
      return await slot.query<Row>(text, params, options);
    } finally {
      this.#release(slot);
    }
  }

  #wait(deadlineAt = Infinity): Promise<Connection> {
    if (this.#waiting.length >= this.#all.length * WAITING_PER_SLOT) {
      throw new DbError("timeout", "too many callers wait for the database", "", "");
    }
    const waitMs = Math.max(0, Math.min(ACQUIRE_TIMEOUT_MS, deadlineAt - Date.now()));
    return new Promise((resolve, reject) => {
      const waiter = {
        take: (slot: Connection) => {
          clearTimeout(timer);
          resolve(slot);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new DbError("timeout", `no database slot within ${Math.round(waitMs)} ms`, "", ""));
      }, waitMs);
      this.#waiting.push(waiter);
    });
  }

  #release(slot: Connection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next.take(slot);
  }

  /** Closes every slot. Statements under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((slot) => slot[Symbol.asyncDispose]()));
  }
}
