/** How long the server waits for what. */
import { limits } from "../limits.js";

/** Milliseconds each. Tests shorten them; a running server has the contract's. */
export interface Timeouts {
  readonly unaryTimeoutMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly frameTimeoutMs: number;
  /** How long a message waits for room before the rest of it is read. */
  readonly receiveTimeoutMs: number;
  readonly http1SilenceTimeoutMs: number;
  /** HTTP/1.1 request heads, the first bytes of a connection, and the TLS handshake. */
  readonly headersTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly refusedStreamTimeoutMs: number;
  /** Between a gRPC connection's PINGs, and from a PING to the end of a connection that does not answer. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Between two readiness probes, and the bound of each. */
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** Between two looks at the certificate's files. */
  readonly certificatePollMs: number;
}

export const defaultTimeouts: Timeouts = {
  unaryTimeoutMs: limits.unaryTimeoutMs,
  firstFrameTimeoutMs: limits.firstFrameTimeoutMs,
  frameTimeoutMs: limits.frameTimeoutMs,
  // Shorter than a first frame's time, so that a full server says so.
  receiveTimeoutMs: 5_000,
  http1SilenceTimeoutMs: limits.http1SilenceTimeoutMs,
  headersTimeoutMs: limits.headersTimeoutMs,
  drainTimeoutMs: limits.drainTimeoutMs,
  refusedStreamTimeoutMs: limits.refusedStreamTimeoutMs,
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 20_000,
  probeIntervalMs: 2_000,
  probeTimeoutMs: 2_000,
  certificatePollMs: 10_000,
};
