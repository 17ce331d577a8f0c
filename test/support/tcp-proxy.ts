/** A TCP proxy inside the test process that breaks the network the way networks break. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `fin` closes in order, as a process that exits; `rst` resets, as a machine that restarts. */
export type Cut = "fin" | "rst";
export type Direction = "toServer" | "toClient";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections open now. */
  readonly openCount: number;
  /** Connections accepted so far. */
  readonly acceptedCount: number;
  /** The url with this proxy as host and port. */
  through(url: string): string;
  /** Delays every byte in both directions by this; order is kept, and bandwidth is not limited. */
  setDelay(ms: number): void;
  /** While true nothing passes in either direction, also of new connections; nothing is lost afterwards. */
  setBlackhole(on: boolean): void;
  /** Cuts every open connection on both sides. New ones work. */
  cut(how: Cut): void;
  /**
   * Once: lets that many more bytes through in one direction, counted over all connections, then cuts the
   * connection that carries the next byte. Cuts in the middle of a message, where an idle cut does not.
   */
  cutAfter(direction: Direction, bytes: number, how: Cut): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Its last byte is on its way: nothing may follow. */
  isCut: boolean;
}

/** Bytes held per direction before the sender is paused. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

/** A proxy on a free loopback port in front of `target`. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let acceptedCount = 0;
  let delayMs = 0;
  let gate = openGate();
  let armed: { direction: Direction; bytes: number; how: Cut } | undefined;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    acceptedCount++;
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const pair = { client, server, isCut: false };
    pairs.add(pair);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // What happens to one side happens to the other; "close" follows every "error".
      socket.on("error", () => other.resetAndDestroy());
      socket.on("close", () => {
        pairs.delete(pair);
        other.destroySoon();
      });
    }
    pump(pair, "toServer");
    pump(pair, "toClient");
  });

  function pump(pair: Pair, direction: Direction): void {
    const [from, to] =
      direction === "toServer" ? [pair.client, pair.server] : [pair.server, pair.client];
    let heldBytes = 0;
    let last = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      heldBytes += chunk.length;
      if (heldBytes > MAX_HELD_BYTES) from.pause();
      const dueAt = performance.now() + delayMs;
      last = last.then(async () => {
        if (dueAt > performance.now()) await sleep(dueAt - performance.now());
        await gate.opened;
        pass(pair, to, direction, chunk);
        heldBytes -= chunk.length;
        if (heldBytes <= MAX_HELD_BYTES) from.resume();
      });
    });
    from.on("end", () => {
      last = last.then(async () => {
        await gate.opened;
        to.end();
      });
    });
  }

  function pass(pair: Pair, to: Socket, direction: Direction, chunk: Buffer): void {
    if (pair.isCut || to.destroyed || to.writableEnded) return;
    if (armed?.direction !== direction) {
      to.write(chunk);
      return;
    }
    const { bytes, how } = armed;
    if (chunk.length <= bytes) {
      armed = { direction, bytes: bytes - chunk.length, how };
      to.write(chunk);
      return;
    }
    armed = undefined;
    pair.isCut = true;
    to.write(chunk.subarray(0, bytes), () => cutPair(pair, how));
  }

  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    get openCount() {
      return pairs.size;
    },
    get acceptedCount() {
      return acceptedCount;
    },
    through(url) {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(port);
      return changed.href;
    },
    setDelay(ms) {
      delayMs = ms;
    },
    setBlackhole(on) {
      gate.open();
      if (on) gate = closedGate();
    },
    cut(how) {
      for (const pair of pairs) cutPair(pair, how);
    },
    cutAfter(direction, bytes, how) {
      armed = { direction, bytes, how };
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const pair of pairs) cutPair(pair, "rst");
      gate.open();
      if (listener.listening || pairs.size > 0) await once(listener, "close");
    },
  };
}

function cutPair({ client, server }: Pair, how: Cut): void {
  for (const socket of [client, server]) {
    if (how === "rst") socket.resetAndDestroy();
    else socket.destroySoon();
  }
}

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function openGate(): Gate {
  return { opened: Promise.resolve(), open: () => {} };
}

function closedGate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
