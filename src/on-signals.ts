/** The signals that ask a program to end. */

/** npm and npx pass a Ctrl-C on to what they run, which has it from the terminal already: within this time it is one. */
const ECHO_MS = 1_000;

/** Calls back at the first of the signals; a later one ends the process with the exit code. The answer ends both. */
export function onSignals(
  names: readonly NodeJS.Signals[],
  exitCode: number,
  callback: (name: NodeJS.Signals) => void,
): () => void {
  let firstAt: number | undefined;
  const listener = (name: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      callback(name);
    } else if (performance.now() - firstAt > ECHO_MS) {
      process.exit(exitCode);
    }
  };
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
}
