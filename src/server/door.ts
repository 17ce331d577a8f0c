/** Raw doors: HTTP endpoints for tools that cannot build an RPC, behind the same guard and limits. */
import type { IncomingHttpHeaders } from "node:http";
import type { Access } from "../rpc/access.js";
import type { CallContext } from "../rpc/handler.js";

export interface Door {
  readonly method: "POST";
  /** Path with parameters in braces: `/v1/runs/{run_id}/reports`. A parameter is one segment. */
  readonly path: string;
  readonly access: Access;
  /**
   * Answers the request. A ConnectError becomes its JSON form with the HTTP status of Connect's mapping. The
   * handler bounds what it reads.
   */
  readonly handle: (request: DoorRequest, context: CallContext) => Promise<DoorResponse>;
}

export interface DoorRequest {
  /** Percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /**
   * As sent. Throws the error with which the call must end when the server drains, the token ends or
   * nothing comes for too long; ends early, with the context's signal aborted, when the client is gone.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Resolves once the handler of a stream has room for a message of so many bytes: see `beforeDecoding`. */
  readonly makeRoom: (bytes: number) => Promise<void>;
}

export interface DoorResponse {
  readonly status: number;
  /** Written as JSON. */
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}
