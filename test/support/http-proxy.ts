/** A forward proxy that knows CONNECT alone, as companies have them. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface HttpProxy extends AsyncDisposable {
  /** With the name and password that it asks for. */
  readonly url: string;
  /** What it was asked to connect to, in order. */
  readonly targets: readonly string[];
}

const CREDENTIALS = "tester:p@ss";

/** Listens on a free loopback port. Who has no credentials gets 407. */
export async function startHttpProxy(): Promise<HttpProxy> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on("connect", (request, client: Socket) => {
    const expected = `Basic ${Buffer.from(CREDENTIALS).toString("base64")}`;
    if (request.headers["proxy-authorization"] !== expected) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const target = request.url ?? "";
    targets.push(target);
    const at = target.lastIndexOf(":");
    const upstream = connect(Number(target.slice(at + 1)), target.slice(0, at), () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${CREDENTIALS.replace("@", "%40")}@127.0.0.1:${port}`,
    targets,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
