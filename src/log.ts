/** The log: JSON lines on standard output, secrets removed. */
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** A logger of the given level. `event` names what happened; nothing that authenticates is ever written. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: [
        "authorization",
        "*.authorization",
        "secret",
        "*.secret",
        "password",
        "*.password",
        "token",
        "*.token",
        "databaseUrl",
        "*.databaseUrl",
      ],
      censor: "[redacted]",
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
