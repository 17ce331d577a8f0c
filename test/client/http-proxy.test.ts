/** Connections of the agent that goes through a proxy: how they name the server, and when they end. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createAgent, proxyFor } from "../../src/client/http-proxy.js";
import { createCertificate } from "../support/certificate.js";
import { startHttpProxy } from "../support/http-proxy.js";

vi.setConfig({ testTimeout: 10_000 });
afterEach(() => void vi.useRealTimers());

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

it.each([
  ["10.1.2.3", "10.0.0.0/8", false],
  ["11.1.2.3", "10.0.0.0/8", true],
  ["10.1.2.3", "10.1.2.3/32", false],
  ["10.1.2.3", "10.0.0.0/99, 3.0.0.0/8", true],
  ["tally.example.org", "10.0.0.0/8, example.org", false],
  ["tally.example.org", "", true],
])("goes to %s where %j is exempt through the proxy: %j", (host, no_proxy, isProxied) => {
  const proxy = proxyFor(new URL(`http://${host}:8080`), { http_proxy: "http://proxy", no_proxy });
  expect(proxy !== undefined).toBe(isProxied);
});

it.each([
  ["localhost", ["localhost"]],
  ["127.0.0.1", []],
])("names the server %s in the TLS handshake as %j", async (host, expected) => {
  await using proxy = await startHttpProxy();
  await using certificate = await createCertificate();
  const names: string[] = [];
  const server = createTlsServer({
    cert: certificate.text,
    key: await readFile(certificate.keyFile),
    SNICallback(name, callback) {
      names.push(name);
      callback(null);
    },
  });
  const url = new URL(`https://${host}:${await listen(server)}`);
  const agent = createAgent(url, new URL(proxy.url), certificate.text);
  const request = httpsRequest(url, { agent }).end();
  // The certificate is that of the address alone: the client says the name, and then refuses it.
  await Promise.race([once(server, "secureConnection"), once(request, "error")]);
  request.on("error", () => {});
  agent.destroy();
  server.close();
  expect(names).toEqual(expected);
});

describe("through a proxy that never answers", () => {
  async function openTunnel() {
    const proxy = createTcpServer();
    const port = await listen(proxy);
    const connected = once(proxy, "connection");
    const url = new URL("http://tally.example.org");
    const agent = createAgent(url, new URL(`http://127.0.0.1:${port}`), undefined);
    const failed = once(httpRequest(url, { agent }).end(), "error");
    const [socket] = (await connected) as [Socket];
    await once(socket, "data");
    const closed = once(socket.resume(), "close");
    return { agent, failed, closed, [Symbol.dispose]: () => void proxy.close() };
  }

  it("gives up after a while", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    using tunnel = await openTunnel();
    vi.advanceTimersByTime(20_000);
    const [error] = await tunnel.failed;
    expect(error).toMatchObject({ code: "EPROXY", message: /does not answer/ });
    await tunnel.closed;
  });

  it("gives up when it is destroyed", async () => {
    using tunnel = await openTunnel();
    tunnel.agent.destroy();
    const [error] = await tunnel.failed;
    expect(error).toMatchObject({ code: "ECONNRESET" });
    await tunnel.closed;
  });
});
