/** Who wants to know when a token ends: the open streams of its callers. */
import type { ConnectError } from "@connectrpc/connect";
import { tokenExpired, tokenRevoked } from "./auth-errors.js";

type Listener = (error: ConnectError) => void;

interface Watched {
  readonly projectKey: string;
  /** Milliseconds since the epoch; Infinity for never. */
  readonly expiresAt: number;
  readonly listeners: Set<Listener>;
}

/** Knows who listens, and tells each of them once. */
export interface TokenWatch {
  /** Calls back once; the answer unsubscribes. */
  add(token: WatchedToken, listener: Listener): () => void;
  /** The token was revoked. */
  endToken(tokenId: string): void;
  /** The projects were deleted. */
  endProjects(projectKeys: ReadonlySet<string>): void;
  /** Ends what has expired by then. */
  endExpired(now: number): void;
}

/** A token that somebody holds a stream open with. */
export interface WatchedToken {
  readonly tokenId: string;
  /** Empty for an admin token. */
  readonly projectKey: string;
  readonly expiresAt: number;
}

/** Nobody watches yet. Bounded by the streams that are open. */
export function createTokenWatch(): TokenWatch {
  const tokens = new Map<string, Watched>();
  const end = (tokenId: string, makeError: () => ConnectError) => {
    const watched = tokens.get(tokenId);
    if (watched === undefined) return;
    tokens.delete(tokenId);
    for (const listener of watched.listeners) listener(makeError());
  };
  return {
    add({ tokenId, projectKey, expiresAt }, listener) {
      const watched = tokens.get(tokenId) ?? { projectKey, expiresAt, listeners: new Set() };
      // Of its own for each call: the same function may be given twice.
      const own: Listener = (error) => listener(error);
      watched.listeners.add(own);
      tokens.set(tokenId, { ...watched, expiresAt });
      return () => {
        watched.listeners.delete(own);
        if (watched.listeners.size === 0 && tokens.get(tokenId)?.listeners === watched.listeners) {
          tokens.delete(tokenId);
        }
      };
    },
    endToken: (tokenId) => end(tokenId, tokenRevoked),
    endProjects(projectKeys) {
      for (const [tokenId, { projectKey }] of tokens) {
        if (projectKeys.has(projectKey)) end(tokenId, tokenRevoked);
      }
    },
    endExpired(now) {
      for (const [tokenId, { expiresAt }] of tokens) {
        if (expiresAt <= now) end(tokenId, tokenExpired);
      }
    },
  };
}
