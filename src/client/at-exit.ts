/** What is left to do when the process exits, by one listener: Node warns of more than ten. */

const callbacks = new Set<() => void>();
const run = () => {
  for (const callback of callbacks) callback();
};

/** Calls back, synchronously, when the process exits, until the answer is called. */
export function atExit(callback: () => void): () => void {
  if (callbacks.size === 0) process.on("exit", run);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size === 0) process.off("exit", run);
  };
}
