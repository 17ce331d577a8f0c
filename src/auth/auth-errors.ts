/** How authentication fails. Made anew each time, because a call adds to its error. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { callError, unavailable } from "../errors.js";

/** One and the same for every token that is missing, malformed, unknown or wrong. */
export function unauthenticated(): ConnectError {
  return callError(Code.Unauthenticated, "the token is missing or not valid", {
    reason: "UNAUTHENTICATED",
  });
}

/** Only for who has the right secret. */
export function tokenExpired(): ConnectError {
  return callError(Code.Unauthenticated, "the token has expired", { reason: "TOKEN_EXPIRED" });
}

/** Only for who has the right secret; also when its project was deleted. */
export function tokenRevoked(): ConnectError {
  return callError(Code.Unauthenticated, "the token was revoked", { reason: "TOKEN_REVOKED" });
}

/** One and the same for every sign-in code that is wrong, used or too old. */
export function signInCodeRefused(): ConnectError {
  return callError(
    Code.Unauthenticated,
    "the sign-in code is not right, was used or is older than 10 minutes; sign in with a token",
    { reason: "SIGN_IN_CODE_REFUSED" },
  );
}

/** Too many wrong secrets came. */
export function tooManyFailures(retryAfterMs: number): ConnectError {
  return callError(Code.ResourceExhausted, "too many wrong secrets; try again later", {
    reason: "AUTH_RATE_LIMITED",
    retryAfterMs,
  });
}

/** Too many tokens wait for their first look-up or hash. */
export function verificationBusy(): ConnectError {
  return unavailable("too many tokens wait to be verified; try again", {
    reason: "VERIFICATION_BUSY",
  });
}

/** Whether a token is right cannot be known now. */
export function databaseAway(cause?: unknown): ConnectError {
  return unavailable("the token cannot be verified while the database is away; try again", {
    reason: "DATABASE_UNAVAILABLE",
    cause,
  });
}
