/** How a command ends: its exit code, and what it says about a failure. */
import { Code, ConnectError } from "@connectrpc/connect";
import { errorReason, fieldViolations } from "../client/errors.js";

/** What a shell learns from a command. */
export const exitCodes = {
  /** Done, everything stored. */
  ok: 0,
  /** The server refused something, or a file was damaged or could not be read. */
  refused: 1,
  /** The command line makes no sense, or no token is given. */
  usage: 2,
  /** No server answered, or it could not take the call now. */
  unreachable: 3,
  /** Ctrl-C ended it, as shells name that. */
  interrupted: 130,
  /** Nobody reads its output any more, as shells name that. */
  unread: 141,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** No token is given, as in builds that get no secrets; the message says how to give one. */
export class MissingTokenError extends Error {
  override readonly name = "MissingTokenError";
}

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof MissingTokenError) return exitCodes.usage;
  return UNREACHABLE.has(ConnectError.from(error).code) ? exitCodes.unreachable : exitCodes.refused;
}

/** An error in plain words, a line each for the fields at fault. */
export function describeError(error: unknown, url: string): readonly string[] {
  if (error instanceof UsageError) return [error.message];
  if (!(error instanceof ConnectError))
    return [error instanceof Error ? error.message : String(error)];
  const unreachable = UNREACHABLE.has(error.code) && errorReason(error) === undefined;
  const first = unreachable
    ? `no answer from ${url}: ${error.rawMessage}`
    : `${codeName(error)}: ${error.rawMessage}`;
  const fields = fieldViolations(error).map(
    ({ field, description }) => `  ${field}: ${description}`,
  );
  return [first, ...fields];
}

/** An error as `--json` prints it. */
export function errorJson(error: unknown) {
  const connectError = error instanceof ConnectError ? error : undefined;
  return {
    error: {
      code: connectError === undefined ? undefined : codeName(connectError),
      reason: connectError && errorReason(connectError),
      message: connectError?.rawMessage ?? (error instanceof Error ? error.message : String(error)),
      fieldViolations: connectError === undefined ? [] : fieldViolations(connectError),
    },
  };
}

/** `INVALID_ARGUMENT`, as gRPC and the documentation write it. */
function codeName(error: ConnectError): string {
  return (Code[error.code] ?? String(error.code)).replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}

const UNREACHABLE: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
]);
