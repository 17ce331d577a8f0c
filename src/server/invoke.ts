/** Runs a handler for a call, whatever the protocol: what comes back is answers or the call's error. */

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { CallContext } from "../rpc/handler.js";
import { callContext, releaseCall } from "./call.js";
import type { Call } from "./call-state.js";
import type { BoundMethod } from "./target.js";

/** The fields of an answer. */
export type Init = MessageInitShape<DescMessage>;
type Single = (input: unknown, context: CallContext) => Promise<Init>;
type Many = (input: unknown, context: CallContext) => AsyncIterable<Init>;

/** What `work` resolves to, or the error that ends the call, whichever comes first. */
export function orEnd<T>(call: Call, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (call.endedBy !== undefined) reject(call.endedBy);
    call.reject = reject;
    work.then(resolve, reject);
  });
}

/** The answer of a unary or client-streaming method. `input` is the message, or the stream of them. */
export function invokeSingle(call: Call, method: BoundMethod, input: unknown): Promise<Init> {
  // The kind of the method decides the handler's shape; the route's type has checked it.
  const handler = method.handler as unknown as Single;
  call.holds += 1;
  const answer = startHandler(() => handler(input, callContext(call)));
  const release = () => releaseCall(call);
  answer.then(release, release);
  return orEnd(call, answer);
}

/** The answers of a server-streaming or bidirectional method, one at a time, until the call ends. */
export async function* invokeMany(
  call: Call,
  method: BoundMethod,
  input: unknown,
): AsyncGenerator<Init> {
  const handler = method.handler as unknown as Many;
  call.holds += 1;
  let answers: AsyncIterator<Init> | undefined;
  let running: Promise<unknown> = Promise.resolve();
  try {
    answers = handler(input, callContext(call))[Symbol.asyncIterator]();
    for (;;) {
      const step = answers.next();
      running = step;
      const { done, value } = await orEnd(call, step);
      if (done === true) {
        answers = undefined;
        return;
      }
      yield value;
    }
  } finally {
    const release = () => releaseCall(call);
    const stopped = answers?.return?.();
    Promise.allSettled([running, stopped]).then(release);
  }
}

/** A handler that throws before its first await rejects like any other. */
function startHandler(run: () => Promise<Init>): Promise<Init> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}
