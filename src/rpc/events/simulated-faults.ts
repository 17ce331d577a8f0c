/** The header `tally-fault`: obeyed where the operator has set TALLY_FAULTS, ignored and counted elsewhere. */
import type { ConnectError } from "@connectrpc/connect";
import { invalidArgument, unavailable } from "../../errors.js";
import { FAULT_FORMS, type Fault, NO_FAULT, parseFault } from "../../events/faults.js";
import type { Metrics } from "../../metrics.js";
import { quote } from "../../text.js";
import type { CallContext } from "../handler.js";

export interface SimulatedFaults {
  /** What this call asks for. Throws INVALID_ARGUMENT for a header that cannot be read. */
  of(context: CallContext): Fault;
}

/** The faults of a server; `enabled` is the operator's switch. */
export function createSimulatedFaults(enabled: boolean, metrics: Metrics): SimulatedFaults {
  return {
    of({ fault: header }) {
      if (header === "") return NO_FAULT;
      if (!enabled) {
        metrics.ignoredFaults.inc();
        return NO_FAULT;
      }
      const fault = parseFault(header);
      if (fault !== undefined) return fault;
      const description = `expected ${FAULT_FORMS}, got ${quote(header)}`;
      throw invalidArgument([{ field: "tally-fault", description }]);
    },
  };
}

/** Waits and fails as asked, before anything is stored. */
export async function beforeCommit({ delayMs, at }: Fault): Promise<void> {
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (at === "before-commit") throw simulated(at);
}

/** Fails as asked at a later point: what is stored stays. */
export function failAt(point: "after-commit" | "before-ack", { at }: Fault): void {
  if (at === point) throw simulated(at);
}

function simulated(at: string): ConnectError {
  return unavailable(`a simulated failure, ${at}: send it again`, {
    reason: "SIMULATED_FAULT",
    metadata: { fault: at },
    retryAfterMs: 100,
  });
}
