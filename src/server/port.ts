/** One port for HTTP/2 and HTTP/1.1: the first bytes, or TLS's ALPN, say which one a connection speaks. */
import { createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** Where connections go; those without TLS are paused, with all that they said. */
export interface Bindings {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** A server that sorts its connections. With TLS, a client that offers http/1.1 gets it. */
export function createPort(bindings: Bindings, timeoutMs: number, tls?: TlsOptions): Server {
  if (tls === undefined) {
    return createServer({ noDelay: true }, (socket) => sniff(socket, bindings, timeoutMs));
  }
  const server = createTlsServer({
    ...tls,
    noDelay: true,
    handshakeTimeout: timeoutMs,
    ALPNProtocols: ["http/1.1", "h2"],
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", ignore);
    if (socket.alpnProtocol === "h2") bindings.http2(socket);
    else bindings.http1(socket);
  });
  return server;
}

/** Hands the connection over once its first bytes tell; one that says nothing is closed. */
function sniff(socket: Socket, bindings: Bindings, timeoutMs: number): void {
  socket.on("error", ignore);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once("close", () => clearTimeout(timer));
  let seen: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, PREFACE.length);
    const matches = PREFACE.compare(seen, 0, length, 0, length) === 0;
    if (matches && length < PREFACE.length) return;
    clearTimeout(timer);
    socket.off("data", onData);
    socket.pause();
    socket.unshift(seen);
    // An HTTP/2 session takes what was read out of the paused socket itself.
    if (matches) bindings.http2(socket);
    else bindings.http1(socket);
  };
  socket.on("data", onData);
}

/** Errors of a connection end it; its readers learn by its close. */
function ignore(): void {}

/**
 * Connections that may wait to be accepted; the system may allow fewer. With Node's 511 a burst of thousands makes
 * whoever connects meanwhile wait for seconds.
 */
const BACKLOG = 4096;

/** Resolves when the server listens; throws with the setting to change. */
export function listen(server: Server, { host, port }: Address, setting: string): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "is in use" : `cannot be had: ${error.message}`;
      reject(new Error(`${host}:${port} ${reason}; set ${setting}`, { cause: error }));
    });
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const bound = server.address();
      resolve({ host, port: typeof bound === "object" && bound !== null ? bound.port : port });
    });
  });
}
