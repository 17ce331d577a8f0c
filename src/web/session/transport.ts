/** How calls reach the server that this page came from. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/** A transport with the token; `onRefused` is told when the server no longer takes it. */
export function createTransport(
  token: string | null,
  onRefused: (error: ConnectError) => void,
): Transport {
  const authorize: Interceptor = (next) => async (request) => {
    if (token !== null) request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      if (error.code === Code.Unauthenticated) onRefused(error);
      throw error;
    }
  };
  return createConnectTransport({
    baseUrl: window.location.origin,
    useBinaryFormat: true,
    interceptors: [authorize],
    defaultTimeoutMs: 30_000,
  });
}
