/** Hashes and checks secrets off the event loop, one at a time. */
import { Worker } from "node:worker_threads";
import { unavailable } from "../errors.js";
import { verificationBusy } from "./auth-errors.js";

/** What the worker is asked: to hash, or with `hash` to compare. */
export type BcryptTask =
  | { readonly secret: string; readonly cost: number; readonly hash?: never }
  | { readonly secret: string; readonly hash: string };

/** What the worker answers: one of the three. */
export interface BcryptAnswer {
  readonly hash?: string;
  readonly matches?: boolean;
  readonly error?: string;
}

interface Waiting {
  readonly task: BcryptTask;
  /** Asked when its turn comes; throws if the work is no longer wanted. */
  readonly admit: () => void;
  readonly resolve: (answer: BcryptAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Of each kind: about ten seconds of work at cost 10. Who comes later is told to come again. */
const MAX_WAITING = 128;

/** Owns the worker thread, which starts with the first task and again after a crash. */
export class SecretHasher implements AsyncDisposable {
  readonly #cost: number;
  /** Go first: making tokens keeps nobody out who has one. */
  readonly #checks: Waiting[] = [];
  readonly #hashes: Waiting[] = [];
  #current: Waiting | undefined;
  #worker: Worker | undefined;
  #closed = false;

  /** `cost` is bcrypt's: each step doubles the time. 10 takes some 70 ms. */
  constructor(options: { readonly cost: number }) {
    this.#cost = options.cost;
  }

  /** The bcrypt hash of a secret of up to 72 bytes. Throws UNAVAILABLE when too many wait. */
  async hash(secret: string): Promise<string> {
    const { hash } = await this.#run(this.#hashes, { secret, cost: this.#cost }, () => {});
    if (hash === undefined) throw new Error("the bcrypt worker answered no hash");
    return hash;
  }

  /**
   * Whether the secret is the hashed one. `admit` runs when its turn comes, and may throw to leave the queue.
   * Throws UNAVAILABLE when too many wait.
   */
  async matches(secret: string, hash: string, admit: () => void = () => {}): Promise<boolean> {
    return (await this.#run(this.#checks, { secret, hash }, admit)).matches === true;
  }

  /** Ends the thread. What waits fails with UNAVAILABLE, and so does every later call. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#fail(closedError());
    for (const queue of [this.#checks, this.#hashes]) {
      for (const waiting of queue.splice(0)) waiting.reject(closedError());
    }
    await this.#worker?.terminate();
  }

  #run(queue: Waiting[], task: BcryptTask, admit: () => void): Promise<BcryptAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedError();
      if (queue.length >= MAX_WAITING) throw verificationBusy();
      queue.push({ task, admit, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    while (this.#current === undefined) {
      const next = this.#checks.shift() ?? this.#hashes.shift();
      if (next === undefined) return;
      try {
        next.admit();
      } catch (error) {
        next.reject(error);
        continue;
      }
      this.#current = next;
      this.#worker ??= this.#start();
      this.#worker.postMessage(next.task);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./bcrypt-worker.js", import.meta.url));
    worker.on("message", (answer: BcryptAnswer) => {
      const current = this.#current;
      this.#current = undefined;
      if (answer.error === undefined) current?.resolve(answer);
      else current?.reject(new Error(`bcrypt failed: ${answer.error}`));
      // First the caller says whether the secret was right: the next one's admission may depend on it.
      setImmediate(() => this.#next());
    });
    worker.on("error", (cause) => this.#crashed(worker, cause));
    worker.on("exit", () => this.#crashed(worker, undefined));
    return worker;
  }

  /** An error is followed by an exit; only the first of them finds the worker in its place. */
  #crashed(worker: Worker, cause: unknown): void {
    if (this.#closed || this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fail(new Error("the bcrypt worker ended", { cause }));
    this.#next();
  }

  #fail(error: unknown): void {
    const current = this.#current;
    this.#current = undefined;
    current?.reject(error);
  }
}

function closedError(): unknown {
  return unavailable("the server is stopping; try again", { reason: "DRAINING" });
}
