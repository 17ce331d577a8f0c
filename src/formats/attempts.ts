/** Which try a result is: repeats of a test within one upload are attempts, in the order of the files. */
import type { Test, TestResult } from "../../gen/tally/v1/run_pb.js";
import { limits } from "../limits.js";
import { createHashCounts } from "./hash-counts.js";

export interface Attempts {
  /**
   * Numbers results of one test, in the order of its tries, going on from those before. The same tests in the
   * same order get the same numbers, so that sending a report again repeats it. `skipped` tries went before
   * the first of these and are not known.
   */
  number(results: readonly TestResult[], skipped?: number): void;
}

/**
 * A counter of its own; one is shared by all files of an upload. It knows as many distinct tests as a project may
 * have, some 25 bytes each; tests beyond that, which the server refuses, always begin at attempt 1.
 */
export function createAttempts(): Attempts {
  const taken = createHashCounts(limits.testsPerProject);
  return {
    number(results, skipped = 0) {
      const test = results[0]?.test;
      if (test === undefined) return;
      const key = testKey(test);
      let tried = taken.get(key) + skipped;
      for (const result of results) {
        result.attempt = (tried % limits.attempts) + 1;
        // Grows only where the attempts reach their limit.
        result.repeatIndex = Math.floor(tried / limits.attempts);
        tried++;
      }
      taken.set(key, tried);
    },
  };
}

/**
 * 53 bits of a hash over the length-prefixed identity (two lanes of FNV-1a with a final mix). Two tests that
 * share them, one pair in 18,000 files of a million tests, stay two tests: one merely begins at attempt 2.
 */
function testKey({ suite, file, name, parameters, variant }: Test): number {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  const add = (part: string) => {
    a = Math.imul(a ^ part.length, 0x01000193);
    b = Math.imul(b ^ part.length, 0x85ebca6b);
    for (let at = 0; at < part.length; at++) {
      const unit = part.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 15);
    }
  };
  for (const part of [suite, file, name, parameters]) add(part);
  const entries = Object.entries(variant).sort(([x], [y]) => (x < y ? -1 : 1));
  for (const [key, value] of entries) {
    add(key);
    add(value);
  }
  a = Math.imul(a ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (a >>> 16), 0x27d4eb2f);
  return (b >>> 11) * 2 ** 32 + ((a ^ (a >>> 15)) >>> 0);
}
