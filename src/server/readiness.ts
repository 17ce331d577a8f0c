/** Whether the server can do its work, by probes that run in the background. */
import type { Timeouts } from "./timeouts.js";

/** Something that the server needs: resolves when it is there. */
export interface ReadinessCheck {
  readonly name: string;
  readonly check: () => Promise<void>;
}

export interface Readiness extends Disposable {
  /** Null when ready, else the name of the failing check, `starting` or `draining`. */
  failing(): string | null;
  /** Not ready from now on. */
  drain(): void;
}

/** Failures in a row after which a ready server is not ready: a short blip does not flip it. */
const FAILURES = 3;

/** Probes the checks one round after the other; each probe is bounded. `onChange` hears of each flip. */
export function startReadiness(
  checks: readonly ReadinessCheck[],
  timeouts: Timeouts,
  onChange: (ready: boolean) => void,
): Readiness {
  let state: string | null = "starting";
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const failures = new Map<string, number>();
  const set = (next: string | null) => {
    const flipped = (state === null) !== (next === null);
    state = next;
    if (flipped) onChange(next === null);
  };
  const round = async () => {
    const results = await Promise.all(
      checks.map((check) => passes(check, timeouts.probeTimeoutMs)),
    );
    if (stopped) return;
    let failing: string | null = null;
    for (const [i, check] of checks.entries()) {
      const count = results[i] === true ? 0 : (failures.get(check.name) ?? 0) + 1;
      failures.set(check.name, count);
      const down = count >= FAILURES || (count > 0 && state !== null);
      if (down) failing ??= check.name;
    }
    set(failing);
    timer = setTimeout(round, timeouts.probeIntervalMs);
    timer.unref();
  };
  void round();
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
  };
  return {
    failing: () => state,
    drain() {
      stop();
      set("draining");
    },
    [Symbol.dispose]: stop,
  };
}

async function passes({ check }: ReadinessCheck, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  // A check that throws is a check that fails; which one is what /readyz says.
  const passed = Promise.resolve()
    .then(check)
    .then(
      () => true,
      () => false,
    );
  const result = await Promise.race([passed, late]);
  clearTimeout(timer);
  return result;
}
