/** How many connections a listener holds at once; what comes beyond is closed, counted and told of. */
import type { Server } from "node:net";
import type { Room } from "./call-state.js";

/** At most one line of the log in this time. */
const WARN_EVERY_MS = 60_000;

/** The listeners hold so many connections each. One beyond is closed before anything of it is read. */
export function limitConnections(
  listeners: readonly Server[],
  maxConnections: number,
  { metrics, log, now }: Pick<Room, "metrics" | "log" | "now">,
): void {
  let warnedAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  for (const listener of listeners) {
    listener.maxConnections = maxConnections;
    listener.on("drop", () => {
      metrics.connectionsRefused.inc();
      untold += 1;
      if (now() - warnedAt < WARN_EVERY_MS) return;
      warnedAt = now();
      log.warn(
        { event: "connections_refused", count: untold, max_connections: maxConnections },
        "more connections than TALLY_MAX_CONNECTIONS",
      );
      untold = 0;
    });
  }
}
