/** How calls reach the server that this page came from. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/** A transport with the token; `onError` is told of every call that fails. */
export function createTransport(
  token: string | null,
  onError: (error: ConnectError) => void,
): Transport {
  const heard = (thrown: unknown): ConnectError => {
    // That is how fetch says that no answer came.
    const error =
      thrown instanceof TypeError
        ? new ConnectError("it cannot be reached", Code.Unavailable)
        : ConnectError.from(thrown);
    onError(error);
    return error;
  };
  const authorize: Interceptor = (next) => async (request) => {
    if (token !== null) request.header.set("authorization", `Bearer ${token}`);
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: withErrors(response.message, heard) };
    } catch (thrown) {
      throw heard(thrown);
    }
  };
  return createConnectTransport({
    baseUrl: window.location.origin,
    useBinaryFormat: true,
    interceptors: [authorize],
    defaultTimeoutMs: 30_000,
  });
}

/** The messages of a stream, whose error comes behind them, as `toError` makes it. */
async function* withErrors<T>(
  messages: AsyncIterable<T>,
  toError: (thrown: unknown) => ConnectError,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw toError(thrown);
  }
}
