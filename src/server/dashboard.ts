/** Serves the dashboard: its files, and its page under every address that the page itself has routes for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";
import { callError } from "../errors.js";
import { chooseCoding } from "./content-coding.js";
import { headerOf } from "./http-header.js";
import { finishReply, type Page, replyError } from "./http-reply.js";
import type { WebFile, WebFiles } from "./web-files.js";

/**
 * What answers a path that nothing else is at: a file, or the page where a browser asks for one of its routes. `/`
 * says so where the dashboard was not built. Undefined for every other path.
 */
export function findDashboardPage(
  files: WebFiles,
  path: string,
  req: IncomingMessage,
): Page | undefined {
  const index = files.get("/index.html");
  if (path === "/") return index === undefined ? replyNotBuilt : filePage(index);
  const file = files.get(path);
  if (file !== undefined) return filePage(file);
  if (index === undefined || !isRoute(path, req)) return undefined;
  return (asking, res) => {
    res.appendHeader("vary", "accept");
    filePage(index)(asking, res);
  };
}

/** A browser opens an address that is no file's and could be no call's. */
function isRoute(path: string, req: IncomingMessage): boolean {
  const isRead = req.method === "GET" || req.method === "HEAD";
  if (!isRead || !headerOf(req, "accept")?.includes("text/html")) return false;
  const lastSegment = path.slice(path.lastIndexOf("/"));
  return (
    path.startsWith("/") &&
    !lastSegment.includes(".") &&
    !NO_ROUTES.some((prefix) => path.startsWith(prefix))
  );
}

const NO_ROUTES = ["/v1/", "/tally.v1.", "/assets/", "/metrics"];

function filePage(file: WebFile): Page {
  return (req, res) => {
    const coding = chooseCoding(headerOf(req, "accept-encoding") ?? "", file.packed.keys());
    const packed = file.packed.get(coding);
    const { bytes, etag } = packed ?? file.plain;
    res.appendHeader("vary", "accept-encoding");
    const headers = { "cache-control": file.cacheControl, etag, ...SECURITY_HEADERS };
    if (isKnown(etag, headerOf(req, "if-none-match"))) {
      res.writeHead(304, headers);
      finishReply(req, res);
      return;
    }
    res.writeHead(200, {
      "content-type": file.contentType,
      "content-length": bytes.length,
      ...headers,
      ...(packed === undefined ? {} : { "content-encoding": coding }),
    });
    // Node leaves the body out for HEAD.
    finishReply(req, res, bytes);
  };
}

/** Whether `if-none-match` names the tag, or any; proxies that pack or unpack make tags weak. */
function isKnown(etag: string, ifNoneMatch = ""): boolean {
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}

/** Nothing comes from elsewhere, runs inline, is framed, or learns where the reader came from. */
const SECURITY_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

function replyNotBuilt(req: IncomingMessage, res: ServerResponse): void {
  const error = callError(
    Code.Unimplemented,
    "the dashboard was not built: npm run build makes it",
    { reason: "DASHBOARD_NOT_BUILT" },
  );
  replyError(req, res, error, 404);
}
