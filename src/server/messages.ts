/**
 * Reads the messages of a body: one alone, or frame by frame as Connect, gRPC and gRPC-Web write them. Each has
 * its bound, its time, and its room among all that the server receives.
 */
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { createCollector } from "../collector.js";
import { invalidArgument } from "../errors.js";
import type { Body } from "./body.js";
import { cutCall } from "./call.js";
import type { Call } from "./call-state.js";
import { messageLimit, ownerOf, tooLarge } from "./guard.js";
import { type FrameSource, lateError } from "./requests.js";

/** How messages may be packed; undefined if they may not. */
export type Compression = "gzip" | "deflate" | undefined;

/** The whole body, decompressed. `announcedBytes` is its length, where the head tells. */
export async function readWhole(
  call: Call,
  body: Body,
  compression: Compression,
  announcedBytes: number | undefined,
): Promise<Buffer> {
  const maxBytes = messageLimit(call);
  const first = await body.next();
  if (first === null) return EMPTY;
  if (first.length > maxBytes) throw tooLarge(maxBytes);
  const timer = setTimeout(cutLate, call.room.timeouts.frameTimeoutMs, call);
  try {
    const second = await body.next();
    if (second !== null || compression !== undefined) {
      await claimRoom(call, announcedBytes ?? maxBytes, compression);
    }
    const collector = createCollector(announcedBytes ?? first.length + (second?.length ?? 0));
    collector.add(first);
    for (let chunk = second; chunk !== null; chunk = await body.next()) {
      collector.add(chunk);
      if (collector.length > maxBytes) throw tooLarge(maxBytes);
    }
    call.requestBytes = collector.length;
    return await unpack(call, collector.bytes(), compression);
  } finally {
    clearTimeout(timer);
  }
}

export interface FrameOptions {
  readonly compression: Compression;
  /** How long nothing may come between two frames; Infinity where the connection is watched by PINGs. */
  readonly silenceTimeoutMs: number;
}

/** Answers each frame's message, decompressed. */
export function openFrames(
  call: Call,
  body: Body,
  { compression, silenceTimeoutMs }: FrameOptions,
): FrameSource {
  const maxBytes = messageLimit(call);
  /** What came after the frame before. */
  let rest: Buffer = EMPTY;
  let timer: NodeJS.Timeout | undefined;
  call.releases.push(() => clearTimeout(timer));
  const read = async (): Promise<Buffer | null> => {
    if (rest.length === 0) {
      if (silenceTimeoutMs < Number.POSITIVE_INFINITY) {
        timer = setTimeout(cutSilent, silenceTimeoutMs, call);
      }
      const chunk = await body.next();
      if (chunk === null) return null;
      clearTimeout(timer);
      rest = chunk;
    }
    if (!hasFrame(rest)) timer = setTimeout(cutLate, call.room.timeouts.frameTimeoutMs, call);
    while (rest.length < ENVELOPE_BYTES) {
      const chunk = await body.next();
      if (chunk === null) return endInside(body);
      rest = Buffer.concat([rest, chunk]);
    }
    const packed = checkFlags(rest.readUInt8(0), compression);
    const size = rest.readUInt32BE(1);
    if (size > maxBytes) throw tooLarge(maxBytes);
    rest = rest.subarray(ENVELOPE_BYTES);
    if (packed !== undefined || rest.length < size) await claimRoom(call, size, packed);
    if (rest.length < size) {
      const collector = createCollector(size);
      for (let missing = size; missing > 0; missing = size - collector.length) {
        const chunk: Buffer | null = rest.length > 0 ? rest : await body.next();
        if (chunk === null) return endInside(body);
        collector.add(chunk.subarray(0, missing));
        rest = chunk.subarray(missing);
      }
      return unpack(call, collector.bytes(), packed);
    }
    const message = rest.subarray(0, size);
    rest = rest.subarray(size);
    return unpack(call, message, packed);
  };
  return async () => {
    try {
      return await read();
    } finally {
      clearTimeout(timer);
    }
  };
}

const EMPTY = Buffer.alloc(0);
/** Flags, and the size in four bytes. */
const ENVELOPE_BYTES = 5;

function hasFrame(bytes: Buffer): boolean {
  return bytes.length >= ENVELOPE_BYTES && bytes.length >= ENVELOPE_BYTES + bytes.readUInt32BE(1);
}

function checkFlags(flags: number, compression: Compression): Compression {
  if (flags === 0) return undefined;
  if (flags === 1 && compression !== undefined) return compression;
  throw invalidArgument([{ field: "body", description: `has a frame with flags ${flags}` }]);
}

function endInside(body: Body): null {
  if (body.cut()) return null;
  throw invalidArgument([{ field: "body", description: "ends in the middle of a frame" }]);
}

function cutLate(call: Call): void {
  cutCall(call, lateError("a frame did not arrive in time"));
}

function cutSilent(call: Call): void {
  cutCall(call, lateError("nothing was sent for too long"));
}

/**
 * Claims room for a message of which only a part is there, and for what a packed one may become, however small
 * it is. A message that came whole needs none: nothing more is held for it.
 */
async function claimRoom(call: Call, bytes: number, compression: Compression): Promise<void> {
  const unpacked = compression === undefined ? 0 : messageLimit(call);
  call.received?.shrink(0);
  call.received = call.room.receiving.claim(ownerOf(call), bytes + unpacked);
  await call.received.granted;
  if (call.settled) throw call.endedBy ?? lateError("the call ended before its message was read");
}

const unpackers = { gzip: promisify(gunzip), deflate: promisify(inflate) };

async function unpack(call: Call, bytes: Buffer, compression: Compression): Promise<Buffer> {
  if (compression === undefined || bytes.length === 0) return bytes;
  const maxBytes = messageLimit(call);
  try {
    const unpacked = await unpackers[compression](bytes, { maxOutputLength: maxBytes });
    call.received?.shrink(unpacked.length);
    return unpacked;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge(maxBytes);
    }
    throw invalidArgument([{ field: "body", description: `is not valid ${compression}` }]);
  }
}
