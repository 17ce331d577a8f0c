/** The error of a call that must fail. */
import { ConnectError } from "@connectrpc/connect";

/** Resolves with the ConnectError of the call; throws if it succeeds or fails otherwise. */
export async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (cause: unknown) => cause,
  );
  if (error instanceof ConnectError) return error;
  throw error;
}
