/** How commands become actions of the parser. */
import type { Context } from "./context.js";
import type { ExitCode } from "./outcome.js";

/** Makes an action of what runs with a context; the command's exit code is kept for the end. */
export type Act = (
  run: (context: Context, args: readonly string[], options: never) => Promise<ExitCode>,
) => (...args: unknown[]) => Promise<void>;
