/** Gives up on a server that says nothing. */
import { Code, ConnectError } from "@connectrpc/connect";
import { retryAfterMs } from "./errors.js";
import { watchSilence } from "./silence.js";

export interface Patience extends Disposable {
  /** Aborted when the given one is, or when patience is lost. */
  readonly signal: AbortSignal | undefined;
  /** Why patience is lost; undefined while it is not. */
  readonly error: ConnectError | undefined;
  /** An answer has come. */
  heard(): void;
  /** A stream was cut by an error, which is an answer too if it asks to come again. */
  cut(error: unknown): void;
}

/** Waits so many milliseconds for each answer that is due, also over several streams; for ever without a number. */
export function createPatience(
  ms: number | undefined,
  signal: AbortSignal | undefined,
  isOwed: () => boolean = () => true,
): Patience {
  if (ms === undefined) {
    return { signal, error: undefined, heard() {}, cut() {}, [Symbol.dispose]() {} };
  }
  const lost = new AbortController();
  let error: ConnectError | undefined;
  const silence = watchSilence({
    isOwed,
    limitMs: ms,
    onSilent() {
      error ??= new ConnectError(`nothing was heard for ${ms / 1000} s`, Code.Unavailable);
      lost.abort(error);
    },
  });
  return {
    signal: signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]),
    get error() {
      return error;
    },
    heard: () => silence.break(),
    cut(cause) {
      if (retryAfterMs(cause) !== undefined) silence.break();
    },
    [Symbol.dispose]: () => silence[Symbol.dispose](),
  };
}
