/** Says what troubles a session, once of each kind. */
import type { SessionWarning } from "./session-options.js";

export type Warn = (kind: SessionWarning["kind"], message: string) => void;

/** Tells `onWarning`, or standard error. Never throws. */
export function createWarn(onWarning: ((warning: SessionWarning) => void) | undefined): Warn {
  const told = new Set<string>();
  return (kind, message) => {
    if (told.has(kind)) return;
    told.add(kind);
    try {
      if (onWarning === undefined) process.stderr.write(`tally: ${message}\n`);
      else onWarning({ kind, message });
    } catch {
      // Nobody listens; a session goes on all the same.
    }
  };
}
