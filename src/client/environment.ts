/** How the environment says that the server is reached. */
import { readFileSync } from "node:fs";
import type { TallyClientOptions } from "./client.js";

/** Where the server is if nothing says it. */
export const DEFAULT_URL = "http://127.0.0.1:8080";

/**
 * The options of a client by `TALLY_URL`, `TALLY_TOKEN`, `TALLY_PROTOCOL` (`grpc` or `connect`) and `TALLY_CA_FILE` (PEM).
 * Throws an Error that names the variable if one of them makes no sense.
 */
export function readClientOptions(
  env: Readonly<Record<string, string | undefined>>,
): TallyClientOptions {
  const {
    TALLY_URL: url,
    TALLY_TOKEN: token,
    TALLY_PROTOCOL: protocol,
    TALLY_CA_FILE: caFile,
  } = env;
  if (protocol && protocol !== "grpc" && protocol !== "connect") {
    throw new Error(`TALLY_PROTOCOL is ${JSON.stringify(protocol)}: give grpc or connect`);
  }
  return {
    url: url || DEFAULT_URL,
    ...(token ? { token } : {}),
    ...(protocol === "connect" ? { protocol } : {}),
    ...(caFile ? { ca: readCertificates(caFile) } : {}),
  };
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`TALLY_CA_FILE cannot be read: ${(error as Error).message}`);
  }
}
