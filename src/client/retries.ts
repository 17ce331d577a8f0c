/** Unary calls that the server asks to try again later. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { retryAfterMs } from "./errors.js";

export interface RetryOptions {
  /** How often a call is tried again at most; 0 never. */
  readonly maxRetries: number;
  /** Of a call that gives none, in milliseconds; it bounds all tries together. 0 is no deadline. */
  readonly defaultTimeoutMs: number;
  /** Spreads the waits. */
  readonly random: () => number;
}

/**
 * The transport with retries of unary calls that end UNAVAILABLE or RESOURCE_EXHAUSTED with a hint when to try
 * again, after that time and up to a quarter more. Only of calls that the contract calls idempotent, and only
 * where the deadline leaves time for it: else the error is thrown at once.
 */
export function withRetries(transport: Transport, options: RetryOptions): Transport {
  const { maxRetries, defaultTimeoutMs, random } = options;
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const limitMs = timeoutMs ?? defaultTimeoutMs;
      const endsAt = limitMs > 0 ? performance.now() + limitMs : Number.POSITIVE_INFINITY;
      for (let retries = 0; ; retries++) {
        const leftMs = limitMs > 0 ? Math.max(1, Math.ceil(endsAt - performance.now())) : 0;
        try {
          return await transport.unary(method, signal, leftMs, header, input, contextValues);
        } catch (error) {
          const hintMs = retryAfterMs(error);
          const isAsked = hintMs !== undefined && RETRIED.has(ConnectError.from(error).code);
          if (!isAsked || retries >= maxRetries || !isIdempotent(method)) throw error;
          const waitMs = hintMs * (1 + random() / 4);
          if (performance.now() + waitMs >= endsAt) throw error;
          await pause(waitMs, signal);
        }
      }
    },
    stream: (...args) => transport.stream(...args),
  };
}

function isIdempotent({ idempotency }: DescMethod): boolean {
  return idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw ConnectError.from(signal?.reason, Code.Canceled);
  }
}

const RETRIED: ReadonlySet<Code> = new Set([Code.Unavailable, Code.ResourceExhausted]);
