/** What people read of a failed call. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.js";

/** A sentence for the error, and what to do about it where that is known. */
export function errorText(thrown: unknown): string {
  const error = ConnectError.from(thrown);
  switch (error.code) {
    case Code.PermissionDenied:
      return `${sentence(error)} Sign in with another token.`;
    case Code.Unavailable:
      return `The server cannot answer now: ${error.rawMessage}. Try again in a moment.`;
    case Code.DeadlineExceeded:
      return "The server did not answer in time. Ask for a shorter window, or try again.";
    case Code.Unknown:
    case Code.Internal:
      return `Something went wrong: ${error.rawMessage}.`;
    default:
      return sentence(error);
  }
}

/** Which field is wrong and why, as the server says it. */
export function violationsOf(thrown: unknown): readonly { field: string; description: string }[] {
  return ConnectError.from(thrown)
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations);
}

function sentence({ rawMessage }: ConnectError): string {
  const text = rawMessage.charAt(0).toUpperCase() + rawMessage.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
