/** HTTP/1.1 connections through a proxy. Node has no such agent before version 24. */
import { type ClientRequest, Agent as HttpAgent, request } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { BlockList, isIP, isIPv4, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/**
 * The proxy that the environment names for the server; undefined if there is none. The variables are those that
 * gRPC reads: `grpc_proxy`, `https_proxy` or `http_proxy`, and `no_grpc_proxy` or `no_proxy`, a list of suffixes of
 * host names and of networks such as `10.0.0.0/8`.
 */
export function proxyFor(server: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const text = env["grpc_proxy"] || env["https_proxy"] || env["http_proxy"] || "";
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  const exempt = (env["no_grpc_proxy"] || env["no_proxy"] || "").split(",").map((s) => s.trim());
  if (exempt.some((each) => isExempt(server.hostname, each))) return undefined;
  return proxy?.protocol === "http:" ? proxy : undefined;
}

function isExempt(host: string, exempt: string): boolean {
  const [network = "", bits] = exempt.split("/");
  if (bits === undefined) return exempt !== "" && host.endsWith(exempt);
  if (!isIPv4(host) || !isIPv4(network) || !/^(\d|[12]\d|3[0-2])$/.test(bits)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits));
  return list.check(host);
}

/**
 * An agent for one server that keeps its connections open, through the proxy if there is one. To destroy it also ends
 * what waits for the proxy.
 */
export function createAgent(server: URL, proxy: URL | undefined, ca: string | undefined) {
  const options = { keepAlive: true, ...(ca === undefined ? {} : { ca }) };
  const secure = server.protocol === "https:";
  const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  if (proxy === undefined) return agent;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const port = server.port || (secure ? "443" : "80");
  const tls = { ...options, host, servername: isIP(host) === 0 ? host : "" };
  const opening = new Set<ClientRequest>();
  const createConnection: CreateConnection = (_, callback) => {
    openTunnel(proxy, `${server.hostname}:${port}`, opening).then(
      (socket) => callback(null, secure ? connectTls({ ...tls, socket }) : socket),
      (error: Error) => callback(error),
    );
  };
  const closeConnections = agent.destroy.bind(agent);
  const destroy = () => {
    for (const each of opening) each.destroy();
    closeConnections();
  };
  return Object.assign(agent, { createConnection, destroy });
}

/** A connection to `target`, host and port, that the proxy made; while it makes it, the request is one of `opening`. */
async function openTunnel(
  proxy: URL,
  target: string,
  opening: Set<ClientRequest>,
): Promise<Socket> {
  const credentials = [proxy.username, proxy.password].map(decodeURIComponent).join(":");
  const headers: Record<string, string> = { host: target };
  if (credentials !== ":") {
    headers["proxy-authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  }
  const asked = request({
    method: "CONNECT",
    host: proxy.hostname,
    port: proxy.port || "80",
    path: target,
    headers,
    agent: false,
  });
  const timer = setTimeout(
    () => asked.destroy(proxyError(`the proxy ${proxy.host} does not answer`)),
    ANSWER_TIMEOUT_MS,
  );
  opening.add(asked);
  try {
    return await new Promise((resolve, reject) => {
      asked.on("connect", ({ statusCode }, socket) => {
        if (statusCode === 200) {
          resolve(socket as Socket);
          return;
        }
        socket.destroy();
        reject(proxyError(`the proxy ${proxy.host} answers ${statusCode}`));
      });
      asked.on("error", reject);
      asked.end();
    });
  } finally {
    clearTimeout(timer);
    opening.delete(asked);
  }
}

function proxyError(message: string): Error {
  return Object.assign(new Error(message), { code: "EPROXY" });
}

/** How an agent gets a connection. */
type CreateConnection = (
  options: unknown,
  callback: (error: Error | null, socket?: Socket) => void,
) => void;

/** As long as gRPC gives a connection. */
const ANSWER_TIMEOUT_MS = 20_000;
