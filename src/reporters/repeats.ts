/** Tells tests apart that agree in everything they are known by. */
import { repairText } from "../text.js";

/**
 * Counts tests by what they are known by: 0 for the first, 1 for the next that is known by the same. The count is
 * their `repeat_index`, so two tests of the same title in the same place stay two. Texts are compared as they can be
 * stored.
 */
export function countRepeats(): (...known: readonly string[]) => number {
  const counts = new Map<string, number>();
  return (...known) => {
    const key = JSON.stringify(known.map(repairText));
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return count;
  };
}
