/** What both transports of the client have in common. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";

export interface TransportOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string;
  /** Sent as `authorization: Bearer …`, trimmed; absent, only what needs no token can be called. */
  readonly token?: string | undefined;
  /** For https: certificates of authorities, PEM text; default those of Node. */
  readonly ca?: string | undefined;
  /** For a unary call that gives none, in milliseconds; default 30,000, 0 is no deadline. Streams have none. */
  readonly defaultTimeoutMs?: number;
  /** The first one is the outermost. */
  readonly interceptors?: readonly Interceptor[];
}

export interface ClosableTransport extends Transport {
  /** Closes the connections: no further call can be made. */
  close(): void;
}

/** Above the largest answer: a page of rejections with their items. */
export const MAX_RECEIVE_BYTES = 16 * 1024 * 1024;
/** The deadline of a unary call that gives none. */
export const UNARY_TIMEOUT_MS = 30_000;

/**
 * The value of the header `authorization`, if there is a token. Throws INVALID_ARGUMENT for what no header can carry,
 * without a word of it: what transports say of such a header would show the token in a log.
 */
export function authorizationOf({ token }: TransportOptions): string | undefined {
  if (token === undefined) return undefined;
  const text = token.trim();
  if (/^[\x20-\x7e]*$/.test(text)) return `Bearer ${text}`;
  const message = "the token has characters that no header can carry";
  throw new ConnectError(message, Code.InvalidArgument);
}
