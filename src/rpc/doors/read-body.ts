/** Bodies of raw doors: whole, or line by line. A body that the client did not finish is no body. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { type Collector, createCollector } from "../../collector.js";
import { callError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallContext } from "../handler.js";

/** The body, of up to 4 MiB. Throws RESOURCE_EXHAUSTED over it, DEADLINE_EXCEEDED if it takes more than 30 s. */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  context: CallContext,
  now: () => number,
): Promise<Uint8Array> {
  const whole = createCollector(0);
  const lateAt = now() + limits.frameTimeoutMs;
  for await (const chunk of body) {
    if (whole.length + chunk.length > limits.messageBytes) throw tooLarge("the body");
    if (now() > lateAt) throw late();
    whole.add(chunk);
  }
  context.signal.throwIfAborted();
  return whole.bytes();
}

/**
 * The lines that are not blank, each of up to 4 MiB, without their ends. The last one needs no end, but the client
 * must have finished the body. More is read once `beforeReading` has resolved, which is told how large the part of a
 * line is that has come.
 */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  context: CallContext,
  beforeReading: (lineBytes: number) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let part: Collector | undefined;
  const add = (piece: Uint8Array) => {
    if ((part?.length ?? 0) + piece.length > limits.messageBytes) throw tooLarge("a line");
    part ??= createCollector(piece.length);
    part.add(piece);
  };
  const end = (piece: Uint8Array) => {
    if (part === undefined && piece.length <= limits.messageBytes) return piece;
    add(piece);
    const line = part?.bytes();
    part = undefined;
    return line ?? piece;
  };
  for await (const chunk of body) {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      const line = end(chunk.subarray(from, at));
      from = at + 1;
      if (!isBlank(line)) yield line;
    }
    if (from < chunk.length) add(chunk.subarray(from));
    await beforeReading(part?.length ?? 0);
  }
  context.signal.throwIfAborted();
  const last = end(new Uint8Array());
  if (!isBlank(last)) yield last;
}

const LF = 0x0a;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d]);

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => BLANKS.has(byte));
}

function late(): ConnectError {
  const message = `the body took more than ${limits.frameTimeoutMs / 1000} s`;
  return callError(Code.DeadlineExceeded, message, { reason: "FRAME_LATE" });
}

/** The error of what is larger than a message may be. */
export function tooLarge(what: string): ConnectError {
  return callError(
    Code.ResourceExhausted,
    `${what} is larger than ${limits.messageBytes} bytes, and nothing of it is kept`,
    { reason: "MESSAGE_TOO_LARGE", metadata: { max_bytes: String(limits.messageBytes) } },
  );
}
