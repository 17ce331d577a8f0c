/** Reporters are guests: what goes wrong in them stays with them. */

/** Does a step; where the framework passes what nobody expects, the step reports less, and nothing is thrown. */
export function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // What is lost is a result that cannot be read; the build goes on.
  }
}
