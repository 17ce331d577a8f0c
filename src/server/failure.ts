/** What a caller is told of a handler that threw. */

import { Code, ConnectError } from "@connectrpc/connect";
import { callError } from "../errors.js";
import type { Call } from "./call-state.js";

/**
 * The error with which the call ends. Anything but a ConnectError is our bug: the caller learns the request
 * id, the cause stays in the error for the log. An aborted wait ends with what aborted it.
 */
export function toCallError(call: Call, thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError && thrown.code !== Code.Internal) return thrown;
  if (call.endedBy !== undefined) return call.endedBy;
  if (thrown instanceof ConnectError && thrown.details.length > 0) return thrown;
  return callError(Code.Internal, `internal error; request id ${call.requestId}`, {
    reason: "INTERNAL",
    metadata: { request_id: call.requestId },
    cause: thrown instanceof ConnectError ? (thrown.cause ?? thrown) : thrown,
  });
}
