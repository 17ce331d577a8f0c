/** The messages of a request: the one, or the stream that a handler reads. */

import type { Message } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { callError } from "../errors.js";
import { cutCall } from "./call.js";
import type { Call } from "./call-state.js";

/** The next message's bytes, or null after the last one and when the client is gone. */
export type FrameSource = () => Promise<Uint8Array | null>;

/** What a byte of a message takes at most when it is decoded: small results, of 80 bytes each, take some 500. */
const DECODED_BYTES = 6;

/** The one message of a method that takes one. None, or two, is UNIMPLEMENTED, as the status codes of gRPC have it. */
export async function readSingle(call: Call, next: FrameSource): Promise<Uint8Array> {
  const message = await next();
  if (message === null) throw wrongCount(call, "needs a message", "NO_MESSAGE");
  call.requestBytes = message.length;
  if ((await next()) !== null) throw wrongCount(call, "takes one message", "SECOND_MESSAGE");
  return message;
}

function wrongCount({ target }: Call, what: string, reason: string): ConnectError {
  return callError(Code.Unimplemented, `${target.method} ${what}`, { reason });
}

/** Answers messages as the handler asks for them; nothing is read ahead here. */
export function openRequests(
  call: Call,
  source: FrameSource,
  decode: (bytes: Uint8Array) => Message | Promise<Message>,
): AsyncIterable<Message> {
  let ended: ConnectError | undefined;
  let done = false;
  let failRead: ((error: unknown) => void) | undefined;
  call.interrupt = (error) => {
    ended ??= error;
    failRead?.(error);
  };
  const firstFrame = setTimeout(() => {
    cutCall(call, lateError("the first frame did not arrive in time"));
  }, call.room.timeouts.firstFrameTimeoutMs);
  call.releases.push(() => clearTimeout(firstFrame));

  const read = async (): Promise<IteratorResult<Message>> => {
    // The handler asks for more once it has taken the message before into its own account.
    call.received?.shrink(0);
    const bytes = await source();
    clearTimeout(firstFrame);
    if (bytes === null) {
      done = true;
      return { done: true, value: undefined };
    }
    call.requestBytes += bytes.length;
    await call.admitMessage?.(bytes.length * DECODED_BYTES);
    return { done: false, value: await decode(bytes) };
  };
  const next = (): Promise<IteratorResult<Message>> => {
    if (ended !== undefined) {
      done = true;
      return Promise.reject(ended);
    }
    if (done) return Promise.resolve({ done: true, value: undefined });
    return new Promise<IteratorResult<Message>>((resolve, reject) => {
      failRead = (error) => {
        done = true;
        reject(error);
      };
      read().then(resolve, failRead);
    });
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return() {
        done = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
}

/** The error of a frame that did not arrive in its time. */
export function lateError(message: string): ConnectError {
  return callError(Code.DeadlineExceeded, message, { reason: "FRAME_LATE" });
}
