/** HTTP/2 written by hand, for what no library sends. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Frame types and flags of RFC 9113. */
export const FRAME = { headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 };
export const FLAG = { endHeaders: 4 };

export interface Wire extends Disposable {
  readonly socket: Socket;
  /** Sends frames, at the speed at which they are taken; false once the server has ended the connection. */
  send(...frames: Buffer[]): Promise<boolean>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  /** Streams that the server has reset. */
  resetCount(): number;
}

/**
 * Opens a connection and sends the preface with empty settings. It counts as ended when the server has closed it
 * or said GOAWAY.
 */
export async function openWire(address: { host: string; port: number }): Promise<Wire> {
  const socket = connect(address);
  let received = Buffer.alloc(0);
  let resets = 0;
  let ended = false;
  const end = withResolvers();
  const closed = withResolvers();
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      if (received[3] === FRAME.reset) resets += 1;
      if (received[3] === FRAME.goaway) end.resolve();
      received = received.subarray(9 + received.readUIntBE(0, 3));
    }
  });
  socket.once("close", closed.resolve);
  socket.once("close", end.resolve);
  void end.promise.then(() => {
    ended = true;
  });
  await once(socket, "connect");
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  return {
    socket,
    closed: closed.promise,
    resetCount: () => resets,
    async send(...frames) {
      if (ended) return false;
      if (!socket.write(Buffer.concat(frames))) {
        await Promise.race([once(socket, "drain").catch(() => {}), end.promise]);
      }
      // Lets what the server says come in.
      await nextTurn();
      return !ended;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** One frame. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as HPACK literals that enter no table. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0]),
      lengthOf(name),
      Buffer.from(name),
      lengthOf(value),
      Buffer.from(value),
    ]),
  );
}

/** The integer of RFC 7541, with a prefix of 7 bits. */
function lengthOf(text: string): Buffer {
  const bytes: number[] = [];
  let left = Buffer.byteLength(text);
  if (left < 127) return Buffer.from([left]);
  bytes.push(127);
  left -= 127;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  bytes.push(left);
  return Buffer.from(bytes);
}

/** The header fields of a gRPC call without a token. */
export function grpcFields(method: string): [string, string][] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/tally.v1.IngestService/${method}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}
