/** What is written down of a call: one log line, its metrics, and the cause of an error that is ours. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { Call } from "./call-state.js";
import { codeName, isServerFault } from "./code-name.js";

/** Logs and measures a settled call. A log or metric that throws is counted and hurts nobody. */
export function recordCall(call: Call, error: ConnectError | null): void {
  try {
    measure(call, error);
    write(call, error);
  } catch {
    countHookFailure(call);
  }
}

function countHookFailure(call: Call): void {
  try {
    call.room.metrics.hookFailures.inc();
  } catch {
    // The counter itself is what throws: there is nobody left to tell.
  }
}

function measure(call: Call, error: ConnectError | null): void {
  const { metrics, now } = call.room;
  const { service, method } = call.target;
  const { protocol } = call;
  metrics.requests.inc({ service, method, protocol, code: codeName(error?.code ?? null) });
  metrics.requestSeconds.observe({ service, method }, Math.max(0, now() - call.startedAt) / 1000);
  if (error?.code === Code.Unauthenticated) metrics.authFailures.inc({ reason: reasonOf(error) });
}

function write(call: Call, error: ConnectError | null): void {
  const { log, plainLog, now } = call.room;
  const { principal } = call;
  if (error !== null && isServerFault(error.code)) {
    log.error({ event: "call_failed", request_id: call.requestId, err: error.cause ?? error });
  }
  if (error?.code === Code.Unauthenticated) {
    log.warn({
      event: "auth_failed",
      request_id: call.requestId,
      reason: reasonOf(error),
      method: call.target.method,
      address: call.address,
      duration_ms: now() - call.startedAt,
    });
  }
  plainLog.info({
    event: "request",
    request_id: call.requestId,
    protocol: call.protocol,
    service: call.target.service,
    method: call.target.method,
    code: codeName(error?.code ?? null),
    reason: error === null ? undefined : reasonOf(error),
    request_bytes: call.requestBytes,
    response_bytes: call.responseBytes,
    duration_ms: now() - call.startedAt,
    project_id: principal?.kind === "project" ? principal.projectId : undefined,
    token_id: principal?.tokenId,
    address: call.address,
  });
}

/** The stable reason of an error; empty for those that a library raised. */
function reasonOf({ details }: ConnectError): string {
  for (const detail of details) {
    // Without a copy of the whole detail, which findDetails makes.
    if ("desc" in detail && detail.desc === ErrorInfoSchema) return reasonIn(detail.value);
  }
  return "";
}

function reasonIn({ reason = "" }: MessageInitShape<typeof ErrorInfoSchema>): string {
  return reason;
}
