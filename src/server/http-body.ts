/** The bodies of HTTP/1.1 requests. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Body, openBody } from "./body.js";

/** Opens the request's body; `100 Continue` is said when it is first read. */
export function openHttpBody(req: IncomingMessage, res: ServerResponse): Body {
  return openBody(req, {
    cut: () => !req.complete,
    onOpen() {
      if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
    },
  });
}
