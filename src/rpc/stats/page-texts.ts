/** Keeps a page within the size of a message, however long its texts are. */
import type { StoredTest } from "../../db/stored-results.js";
import { limits } from "../../limits.js";

/** The first entries whose texts fit in a page together; one at least. */
export function textsWithin<T>(
  entries: readonly T[],
  textsOf: (entry: T) => readonly string[],
  maxBytes: number = limits.statsPageBytes,
): readonly T[] {
  let bytes = 0;
  const end = entries.findIndex((entry, i) => {
    for (const text of textsOf(entry)) bytes += Buffer.byteLength(text);
    return i > 0 && bytes > maxBytes;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

/** The texts of a test's identity. */
export function identityTexts(test: Omit<StoredTest, "testId">): string[] {
  const { suite, file, name, parameters, variant } = test;
  return [suite, file, name, parameters, ...Object.entries(variant).flat()];
}
