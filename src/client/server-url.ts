/** The address of a server, as callers give it. */
import { Code, ConnectError } from "@connectrpc/connect";

/** The url; throws INVALID_ARGUMENT for what is none of http or https, or has a path where none may be. */
export function parseServerUrl(text: string, mayHavePath: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  if (url === undefined || !isWeb || !(mayHavePath || url.pathname === "/")) {
    const hint = "expected http://host:port or https://host:port";
    throw new ConnectError(`${JSON.stringify(text)} is no server: ${hint}`, Code.InvalidArgument);
  }
  return url;
}
