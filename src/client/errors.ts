/** What a failed call says, typed. Every call of the client fails with a ConnectError. */
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { toHeaders } from "./metadata.js";

/** A failed call in one object. */
export interface TallyError {
  readonly code: Code;
  /** In the words of the server. */
  readonly message: string;
  /** The server's reason, such as `RUN_EXPIRED`; undefined where no server of Tally answered. */
  readonly reason: string | undefined;
  /** Ids and names that belong to the reason. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that were refused, with paths in proto names. */
  readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
  /** How long the server asks to wait before the next try. */
  readonly retryAfterMs: number | undefined;
  /** Under which the server's log knows the call. */
  readonly requestId: string | undefined;
}

/** What an error says that a call has thrown; anything else thrown is an error of unknown code. */
export function readError(error: unknown): TallyError {
  const from = ConnectError.from(error);
  return {
    code: from.code,
    message: from.rawMessage,
    reason: errorReason(from),
    metadata: errorMetadata(from),
    fieldViolations: fieldViolations(from),
    retryAfterMs: retryAfterMs(from),
    requestId: from.metadata.get("x-request-id") ?? undefined,
  };
}

/** The fields that a call refused, with paths in proto names; empty for other errors. */
export function fieldViolations(error: unknown): { field: string; description: string }[] {
  return ConnectError.from(error)
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => ({ field, description }));
}

/** The server's reason, such as `RUN_EXPIRED`; undefined if it gave none. */
export function errorReason(error: unknown): string | undefined {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
}

/** Ids and names that belong to the reason, such as `rejection_id`; empty if the server gave none. */
export function errorMetadata(error: unknown): Readonly<Record<string, string>> {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.metadata ?? {};
}

/**
 * How long the server asks to wait before the next try, by RetryInfo or else by `grpc-retry-pushback-ms`, of which
 * a negative one says not to try; undefined if it does not ask.
 */
export function retryAfterMs(error: unknown): number | undefined {
  const from = ConnectError.from(error);
  const delay = from.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) return Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  const pushback = /^\d{1,9}$/.exec(from.metadata.get("grpc-retry-pushback-ms") ?? "");
  return pushback === null ? undefined : Number(pushback[0]);
}

/** Whether no server answered: the address is wrong, or the network or the server is down. */
export function isUnreachable(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable && errorReason(error) === undefined;
}

/** An error of grpc-js, or whatever was thrown, as a ConnectError. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError || !isServiceError(error)) {
    return ConnectError.from(error, Code.Internal);
  }
  return statusError(error);
}

/** A status of grpc-js, with the details of `grpc-status-details-bin`; metadata holds the trailers. */
export function statusError(ended: StatusObject): ConnectError {
  const { details, metadata } = ended;
  const message = details.replace(NOT_CONNECTED, "$1");
  const error = new ConnectError(message, codeOf(ended), toHeaders(metadata));
  error.details = detailsOf(metadata);
  return error;
}

/**
 * grpc-js says INTERNAL where a connection was reset after the server had announced that it closes it (GOAWAY),
 * and where a call came too late for such a connection: failures of the network, which another try can cure.
 */
function codeOf({ code, details }: StatusObject): Code {
  if (code === status.OK) return Code.Internal;
  if (code === status.INTERNAL && NO_ANSWER.test(details)) return Code.Unavailable;
  return code as number as Code;
}

function detailsOf(metadata: Metadata | undefined): ConnectError["details"] {
  const [bytes] = metadata?.get("grpc-status-details-bin") ?? [];
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  } catch {
    // Details only explain the error; one that does not decode must not hide it.
    return [];
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}

/** What grpc-js says around the system's own words, where it has nothing to note. */
const NOT_CONNECTED =
  /^No connection established\. Last error: (?:Error: )?(.+?)\s*\. Resolution note: $/s;
const NO_ANSWER = /^Failed to start HTTP\/2 stream|Call ended without gRPC status/;
