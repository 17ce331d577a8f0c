/** What the guard needs of authentication. */
import type { ConnectError } from "@connectrpc/connect";
import type { Principal } from "./principal.js";

export interface Authenticator {
  /**
   * The principal of an `authorization` header; without waiting when the token verified before. Throws
   * UNAUTHENTICATED (reason TOKEN_EXPIRED or TOKEN_REVOKED with the right secret, else always the same),
   * RESOURCE_EXHAUSTED when too many wrong secrets came, UNAVAILABLE when the database is away.
   */
  authenticate(authorization: string | null, address: string): Principal | Promise<Principal>;
  /** Calls back once when the token ends (revoked, expired, its project deleted); the answer unsubscribes. */
  onEnd(principal: Principal, listener: (error: ConnectError) => void): () => void;
}
