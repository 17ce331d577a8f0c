/** Which web pages of other origins may call, and what of the answers they may see. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";

const ALLOWED_HEADERS = [
  ...cors.allowedHeaders,
  "authorization",
  "idempotency-key",
  "tally-fault",
  "x-request-id",
].join(", ");
const EXPOSED_HEADERS = [
  ...cors.exposedHeaders,
  "grpc-retry-pushback-ms",
  "retry-after",
  "x-request-id",
].join(", ");
/** Browsers keep a preflight's answer this long; Chromium's upper limit. */
const MAX_AGE_SECONDS = "7200";

/**
 * Adds the headers for a page of a listed origin ("*" lists all), and answers preflights: true if the
 * request is done. Without listed origins nothing is added, which forbids.
 */
export function applyCors(
  origins: readonly string[],
  req: IncomingMessage,
  res: ServerResponse,
): boolean {
  const { origin } = req.headers;
  if (origins.length === 0 || origin === undefined) return false;
  res.setHeader("vary", "origin");
  if (!origins.includes(origin) && !origins.includes("*")) return false;
  res.setHeader("access-control-allow-origin", origin);
  res.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
  const preflight =
    req.method === "OPTIONS" && req.headers["access-control-request-method"] !== undefined;
  if (!preflight) return false;
  res.writeHead(204, {
    "access-control-allow-methods": cors.allowedMethods.join(", "),
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": MAX_AGE_SECONDS,
  });
  res.end();
  return true;
}
