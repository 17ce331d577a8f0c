/** Headers of HTTP/1.1 requests. */
import type { IncomingMessage } from "node:http";

/** A header's value; the first where Node keeps several. */
export function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
