/** Bodies of raw doors: whole, or line by line. A body that the client did not finish is no body. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { callError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallContext } from "../handler.js";

/** The body, of up to 4 MiB. Throws RESOURCE_EXHAUSTED over it, DEADLINE_EXCEEDED if it takes more than 30 s. */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  context: CallContext,
  now: () => number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const lateAt = now() + limits.frameTimeoutMs;
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limits.messageBytes) throw tooLarge("the body");
    if (now() > lateAt) throw late();
    chunks.push(chunk);
  }
  context.signal.throwIfAborted();
  return Buffer.concat(chunks, size);
}

/**
 * The lines that are not blank, each of up to 4 MiB, without their ends. The last one needs no end, but the client
 * must have finished the body.
 */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  const end = () => {
    const line = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, size);
    pieces = [];
    size = 0;
    return line ?? new Uint8Array();
  };
  for await (const chunk of body) {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      pieces.push(chunk.subarray(from, at));
      size += at - from;
      from = at + 1;
      if (size > limits.messageBytes) throw tooLarge("a line");
      const line = end();
      if (!isBlank(line)) yield line;
    }
    if (from === chunk.length) continue;
    pieces.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > limits.messageBytes) throw tooLarge("a line");
  }
  context.signal.throwIfAborted();
  const last = end();
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

function tooLarge(what: string): ConnectError {
  return callError(
    Code.ResourceExhausted,
    `${what} is larger than ${limits.messageBytes} bytes, and nothing of it is kept`,
    { reason: "MESSAGE_TOO_LARGE", metadata: { max_bytes: String(limits.messageBytes) } },
  );
}
