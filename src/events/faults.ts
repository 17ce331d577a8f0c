/** Failures that an operator lets callers ask for, to see that nothing is lost or counted twice by them. */

/** What the header `tally-fault` of one call asks for. */
export interface Fault {
  /** The call ends UNAVAILABLE there. */
  readonly at: "before-commit" | "after-commit" | "before-ack" | null;
  /** Waited before anything is stored. */
  readonly delayMs: number;
  /** How many attempts at a queued event fail. */
  readonly failingAttempts: number;
}

export const NO_FAULT: Fault = { at: null, delayMs: 0, failingAttempts: 0 };

/** What the header may say, for errors. */
export const FAULT_FORMS =
  "before-commit, after-commit, before-ack, delay=MS (0 to 60000) or worker=N (1 to 100)";

/** The fault that the header asks for; undefined if it cannot be read. */
export function parseFault(header: string): Fault | undefined {
  const text = header.trim();
  if (text === "before-commit" || text === "after-commit" || text === "before-ack") {
    return { ...NO_FAULT, at: text };
  }
  const [, name, digits] = /^(delay|worker)=(\d{1,5})$/.exec(text) ?? [];
  const number = Number(digits);
  if (name === "delay" && number <= MAX_DELAY_MS) return { ...NO_FAULT, delayMs: number };
  if (name === "worker" && number >= 1 && number <= MAX_FAILING_ATTEMPTS) {
    return { ...NO_FAULT, failingAttempts: number };
  }
  return undefined;
}

const MAX_DELAY_MS = 60_000;
const MAX_FAILING_ATTEMPTS = 100;
