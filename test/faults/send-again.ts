/** Repeats a call until it is answered, and writes down what must not happen on the way. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { between, type Random } from "../../bench/random.js";
import { errorReason, retryAfterMs } from "../../src/client/index.js";
import type { Journal } from "./journal.js";

/** Resolves when the call was answered. */
export type Again = (call: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/** Longer than every fault, deadline and wait of one call together. */
const HUNG_AFTER_MS = 45_000;
/** What callers may hear while everything around them fails. */
const EXPECTED: ReadonlySet<string> = new Set([
  "DATABASE_UNAVAILABLE",
  "DATABASE_BUSY",
  "DEADLINE_EXCEEDED",
  "DRAINING",
]);

/** Nobody answered although everything was well again. */
class GaveUp extends Error {
  override readonly name = "GaveUp";
}

/** `giveUpAt` is a time of performance.now(), asked for after each failure. */
export function createAgain(journal: Journal, random: Random, giveUpAt: () => number): Again {
  return async (call) => {
    for (;;) {
      const startedAt = performance.now();
      try {
        await bounded(call).finally(() => journal.lasted(performance.now() - startedAt));
        return;
      } catch (error) {
        if (error instanceof Hung) journal.complain("a call hung");
        else if (!isExpected(error)) journal.complain(`a call failed with ${describe(error)}`);
        journal.failed(error);
        if (performance.now() > giveUpAt()) throw new GaveUp(describe(error), { cause: error });
        await sleep(between(random, 50, 400));
      }
    }
  };
}

class Hung extends Error {}

/** The call, told to end when it takes too long, and left alone when it does not even do that. */
async function bounded(call: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Hung());
      controller.abort();
    }, HUNG_AFTER_MS);
  });
  try {
    await Promise.race([call(controller.signal), hung]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The server's own answers are known by name, and UNAVAILABLE says when to try again; without a name it is
 * the transport that failed.
 */
function isExpected(error: unknown): boolean {
  const reason = errorReason(error);
  const { code } = ConnectError.from(error);
  if (code === Code.Unavailable && reason !== undefined && retryAfterMs(error) === undefined) {
    return false;
  }
  if (reason !== undefined) return EXPECTED.has(reason);
  return code !== Code.Internal && code !== Code.Unknown;
}

function describe(error: unknown): string {
  const { message } = ConnectError.from(error);
  return `${errorReason(error) ?? "no reason"}: ${message}`;
}
