/** A gRPC stream as two async iterables. */
import type { ClientDuplexStream, StatusObject } from "@grpc/grpc-js";
import { toConnectError } from "./errors.js";
import { toHeaders } from "./metadata.js";

export interface OpenStream<O> {
  /** Settles with the first answer or the end of the call, whichever is first. */
  readonly header: Promise<Headers>;
  /** Ends with the call's error if it has one; cancels the call when the consumer stops early. */
  readonly messages: AsyncIterable<O>;
  /** Empty until the messages have ended. */
  readonly trailer: Headers;
}

/**
 * Sends all of `input` and then half-closes, waiting whenever the transport is full. If `input` throws, the call
 * is cancelled and fails with that error; if the call ends first, `input` is closed.
 */
export function openStream<I, O>(
  call: ClientDuplexStream<I, O>,
  input: AsyncIterable<I>,
): OpenStream<O> {
  const trailer = new Headers();
  let inputError: unknown;
  let callError: unknown;
  // grpc-js emits an error once and keeps it nowhere: who iterates later would see a normal end.
  call.on("error", (error) => {
    callError ??= error;
  });
  const ended = new Promise<StatusObject>((resolve) => call.once("status", resolve));
  const header = new Promise<Headers>((resolve) => {
    call.once("metadata", (metadata) => resolve(toHeaders(metadata)));
    ended.then(() => resolve(new Headers()));
  });
  sendAll(call, input, ended).catch((error: unknown) => {
    inputError = error;
    call.cancel();
  });

  async function* receive(): AsyncGenerator<O> {
    try {
      for await (const message of call) yield message as O;
    } catch (error) {
      callError ??= error;
    } finally {
      call.cancel();
    }
    const { metadata } = await ended;
    for (const [key, value] of toHeaders(metadata)) trailer.append(key, value);
    if (inputError !== undefined) throw inputError;
    if (callError !== undefined) throw toConnectError(callError);
  }
  return { header, messages: receive(), trailer };
}

async function sendAll<I, O>(
  call: ClientDuplexStream<I, O>,
  input: AsyncIterable<I>,
  ended: Promise<unknown>,
): Promise<void> {
  let over = false;
  ended.then(() => {
    over = true;
  });
  for await (const message of input) {
    if (over) return;
    if (!call.write(message)) {
      await Promise.race([ended, new Promise((resolve) => call.once("drain", resolve))]);
    }
  }
  if (!over) call.end();
}
