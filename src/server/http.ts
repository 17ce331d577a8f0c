/** The HTTP/1.1 side: Connect and gRPC-Web, raw doors, health pages, metrics, the dashboard's files. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { Code } from "@connectrpc/connect";
import { callError } from "../errors.js";
import type { Room } from "./call-state.js";
import { createConnectListeners } from "./connect.js";
import { applyCors } from "./cors.js";
import { findDashboardPage } from "./dashboard.js";
import type { Door } from "./door.js";
import { matchDoor, serveDoor } from "./doors.js";
import { type Page, replyError, replyJson } from "./http-reply.js";
import type { Readiness } from "./readiness.js";
import type { BoundMethod } from "./target.js";
import type { WebFiles } from "./web-files.js";

export interface HttpOptions {
  readonly methods: readonly BoundMethod[];
  readonly doors: readonly Door[];
  readonly corsOrigins: readonly string[];
  readonly readiness: Readiness;
  readonly version: string;
  /** Whether /metrics answers here. */
  readonly metrics: boolean;
  readonly webFiles: WebFiles;
}

/** An http.Server that is given connections; it never listens itself. */
export function createHttpServer(room: Room, options: HttpOptions): Server {
  const rpcs = createConnectListeners(room, options.methods);
  const pages = new Map<string, Page>([
    ["/healthz", (req, res) => healthz(room, options.version, req, res)],
    ["/readyz", (req, res) => readyz(options.readiness, req, res)],
  ]);
  if (options.metrics) pages.set("/metrics", metricsPage(room));
  const serve = (req: IncomingMessage, res: ServerResponse) => {
    if (room.draining) res.shouldKeepAlive = false;
    if (applyCors(options.corsOrigins, req, res)) return;
    const path = (req.url ?? "/").split("?", 1)[0] ?? "/";
    const rpc = rpcs.get(path);
    if (rpc !== undefined) return rpc(req, res);
    const page = pages.get(path);
    if (page !== undefined) return servePage(page, req, res);
    for (const door of options.doors) {
      const params = matchDoor(door, path);
      if (params === undefined) continue;
      if (req.method !== door.method) return wrongMethod(door.method, req, res);
      void serveDoor(room, door, params, req, res);
      return;
    }
    const found = findDashboardPage(options.webFiles, path, req);
    if (found !== undefined) return servePage(found, req, res);
    const error = callError(Code.Unimplemented, `nothing is at ${path.slice(0, 200)}`, {
      reason: "UNKNOWN_PATH",
    });
    replyError(req, res, error, 404);
  };
  return createBareServer(room, serve);
}

/** An http.Server with the metrics alone, to listen on an address of its own. */
export function createMetricsServer(room: Room): Server {
  const page = metricsPage(room);
  return createBareServer(room, (req, res) => {
    const path = (req.url ?? "/").split("?", 1)[0];
    if (path === "/metrics") return servePage(page, req, res);
    replyJson(req, res, 404, { code: "unimplemented", message: "only /metrics is here" });
  });
}

/** A request's head has its time; a body may take long, and its readers bound it. */
function createBareServer(room: Room, serve: Page): Server {
  const { headersTimeoutMs } = room.timeouts;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.max(50, Math.min(5000, headersTimeoutMs / 2)),
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  const serveTarget = (req: IncomingMessage, res: ServerResponse) => {
    req.url = originForm(req.url);
    serve(req, res);
  };
  server.on("request", serveTarget);
  // The readers of bodies say `100 Continue`, after the guard.
  server.on("checkContinue", serveTarget);
  return server;
}

/** The path and query of a request's target, which may be a whole URL (RFC 9112, 3.2.2). */
function originForm(target = "/"): string {
  const rest = target.replace(/^https?:\/\/[^/?]+/i, "");
  return rest.startsWith("/") || rest === target ? rest : `/${rest}`;
}

/** Longer than the 60 s after which common load balancers close idle connections. */
const KEEP_ALIVE_MS = 65_000;

function servePage(page: Page, req: IncomingMessage, res: ServerResponse): void {
  if (req.method === "GET" || req.method === "HEAD") page(req, res);
  else wrongMethod("GET, HEAD", req, res);
}

function wrongMethod(allow: string, req: IncomingMessage, res: ServerResponse): void {
  res.setHeader("allow", allow);
  const error = callError(Code.Unimplemented, `only ${allow} is supported here`, {
    reason: "WRONG_METHOD",
  });
  replyError(req, res, error, 405);
}

function healthz(room: Room, version: string, req: IncomingMessage, res: ServerResponse): void {
  const timestamp = new Date(room.now()).toISOString();
  replyJson(req, res, 200, { status: "healthy", timestamp, version });
}

function readyz(readiness: Readiness, req: IncomingMessage, res: ServerResponse): void {
  const failing = readiness.failing();
  if (failing === null) replyJson(req, res, 200, { status: "ready" });
  else replyJson(req, res, 503, { status: "not ready", failing });
}

function metricsPage(room: Room): Page {
  const { registry } = room.metrics;
  return (_req, res) => {
    registry.metrics().then(
      (text) => res.writeHead(200, { "content-type": registry.contentType }).end(text),
      (err) => {
        room.log.error({ event: "metrics_failed", err });
        res.writeHead(500).end();
      },
    );
  };
}
