/** The id of a run outside of CI: the same for all reporters that report at the same time in this process. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** Takes part in the process's run; it ends when the last one that takes part lets go. */
export function joinLocalRun(): { readonly runId: string } & Disposable {
  const held = shared();
  if (held.users++ === 0) held.runId = newRunId();
  let hasLeft = false;
  return {
    runId: held.runId,
    [Symbol.dispose]() {
      if (!hasLeft) held.users--;
      hasLeft = true;
    },
  };
}

interface LocalRun {
  runId: string;
  users: number;
}

/** In the global scope, because a package may be loaded twice. */
function shared(): LocalRun {
  const scope = globalThis as { [KEY]?: LocalRun };
  scope[KEY] ??= { runId: "", users: 0 };
  return scope[KEY];
}

function newRunId(): string {
  const time = new Date().toISOString().replace(/[-:]|\..*/g, "");
  return `local-${hostname().slice(0, 64)}-${time}-${randomBytes(3).toString("hex")}`;
}

const KEY = Symbol.for("tally.local-run");
