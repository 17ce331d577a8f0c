/**
 * How a call fails: every error that our code raises is made here, so that each carries ErrorInfo and
 * stays small enough for every client's trailers.
 */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";
import { limits } from "./limits.js";

/** One broken rule: the path of the field in proto names, and what is wrong with the limit that applies. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** A message of a detail, as `ConnectError.details` takes it. */
export type ErrorDetail = {
  [D in keyof DetailSchemas]: { desc: DetailSchemas[D]; value: MessageInitShape<DetailSchemas[D]> };
}[keyof DetailSchemas];
type DetailSchemas = Record<string, DescMessage>;

export interface ErrorFacts {
  /** UPPER_SNAKE, stable: what a program may switch on. */
  readonly reason: string;
  /** Ids and names that a program may use; small. */
  readonly metadata?: Record<string, string>;
  readonly violations?: readonly Violation[];
  /** When to try again; sets RetryInfo and `grpc-retry-pushback-ms`. */
  readonly retryAfterMs?: number;
  readonly details?: readonly ErrorDetail[];
  /** The private cause: logged, never sent. */
  readonly cause?: unknown;
}

/** The name under which our ErrorInfo reasons are unique. */
const ERROR_DOMAIN = "tally";

/** An error with ErrorInfo, and the other details that the facts ask for. */
export function callError(code: Code, message: string, facts: ErrorFacts): ConnectError {
  const details: ErrorDetail[] = [
    {
      desc: ErrorInfoSchema,
      value: { reason: facts.reason, domain: ERROR_DOMAIN, metadata: facts.metadata ?? {} },
    },
    ...(facts.details ?? []),
  ];
  const headers = new Headers();
  if (facts.retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.ceil(facts.retryAfterMs));
    headers.set("grpc-retry-pushback-ms", String(ms));
    details.push({
      desc: RetryInfoSchema,
      value: {
        retryDelay: { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 },
      },
    });
  }
  if (facts.violations !== undefined) details.push(badRequest(facts.violations, details));
  // What it quotes may have been cut within a character: no protocol carries half of one.
  const text = message.toWellFormed();
  const make = () => new ConnectError(text, code, headers, details, facts.cause);
  return code === Code.Internal ? make() : withoutStack(make);
}

/** The message says what is wrong and nobody logs where it was noticed, while a stack costs as much as a call's HTTP/2. */
function withoutStack(make: () => ConnectError): ConnectError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** INVALID_ARGUMENT with all violations, and a message that names the first. */
export function invalidArgument(
  violations: readonly Violation[],
  facts: Partial<ErrorFacts> = {},
): ConnectError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const message =
    first === undefined ? "invalid request" : `${first.field}: ${first.description}${more}`;
  return callError(Code.InvalidArgument, message.slice(0, 500), {
    reason: "INVALID_REQUEST",
    ...facts,
    violations,
  });
}

/** UNAVAILABLE with a retry hint. */
export function unavailable(message: string, facts: ErrorFacts): ConnectError {
  return callError(Code.Unavailable, message, { retryAfterMs: 1000, ...facts });
}

/** The error with one more detail; what is no ConnectError stays as it is. */
export function withDetail(error: unknown, detail: ErrorDetail): unknown {
  if (!(error instanceof ConnectError)) return error;
  const details = [...error.details, detail] as ConnectError["details"];
  const copy = new ConnectError(error.rawMessage, error.code, error.metadata, [], error.cause);
  copy.details = details;
  return copy;
}

/**
 * NOT_FOUND for a resource, which is also what another project's id answers. Where a request names several of a kind,
 * the field says which.
 */
export function notFound(resource: string, id: string, field = ""): ConnectError {
  const which = field === "" ? "" : `${field}: `;
  const message = `${which}${resource} ${JSON.stringify(id.slice(0, 300))} not found`;
  return callError(Code.NotFound, message, {
    reason: `${resource.toUpperCase().replaceAll(" ", "_")}_NOT_FOUND`,
    ...(field === "" ? {} : { metadata: { field } }),
  });
}

/** BadRequest with as many violations as 32 and the space of details allow; the last says how many are left out. */
function badRequest(violations: readonly Violation[], others: readonly ErrorDetail[]): ErrorDetail {
  const budget = (limits.errorDetailBytes * 3) / 4 - 256;
  let used = others.reduce((sum, detail) => sum + maxBytesOf(detail.value), 0);
  const kept: Violation[] = [];
  for (const { field, description } of violations) {
    const size = Buffer.byteLength(field) + Buffer.byteLength(description) + 8;
    if (kept.length === limits.violationsPerItem || used + size > budget) break;
    used += size;
    kept.push({ field, description });
  }
  const left = violations.length - kept.length;
  if (left > 0)
    kept.push({ field: "violations_truncated", description: `${left} more are not listed` });
  return { desc: BadRequestSchema, value: { fieldViolations: kept } };
}

/** What a message takes at most on the wire: each value has a tag and a length before it. */
function maxBytesOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value) + 8;
  if (value instanceof Uint8Array) return value.length + 8;
  if (typeof value !== "object" || value === null) return 16;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + maxBytesOf(each), 8);
}
