/**
 * Which try a result is. Repeats of a test within one scope, which is a `<testsuite>` or a test of a CTRF file, are
 * attempts, in their order. The same test in another scope is another repeat of it: a pass there is no retry of a failure here.
 */
import type { Test, TestResult } from "../../gen/tally/v1/run_pb.js";
import { limits } from "../limits.js";
import { createHashCounts } from "./hash-counts.js";

export interface Attempts {
  /** Begins a scope, and answers its number. */
  openScope(): number;
  /**
   * Numbers results of one test, in the order of its tries, going on from those before. The same tests in the
   * same scopes and order get the same numbers, so that sending a report again repeats it. `skipped` tries went
   * before the first of these and are not known.
   */
  number(results: readonly TestResult[], scope: number, skipped?: number): void;
}

/**
 * A counter of its own; one is shared by all files of an upload. It knows as many distinct tests as a project may
 * have, some 50 bytes each; tests beyond that, which the server refuses, always begin at attempt 1.
 */
export function createAttempts(): Attempts {
  const taken = createHashCounts(limits.testsPerProject);
  /** Where each test was last. */
  const scopes = createHashCounts(limits.testsPerProject);
  let scopeCount = 0;
  return {
    openScope: () => ++scopeCount,
    number(results, scope, skipped = 0) {
      const test = results[0]?.test;
      if (test === undefined) return;
      const key = testKey(test);
      const before = taken.get(key);
      let tried = (scopes.get(key) === scope ? before : nextRepeat(before)) + skipped;
      for (const result of results) {
        result.attempt = (tried % limits.attempts) + 1;
        // Grows also where the attempts reach their limit.
        result.repeatIndex = Math.floor(tried / limits.attempts);
        tried++;
      }
      taken.set(key, tried);
      scopes.set(key, scope);
    },
  };
}

/** The first try of the next repeat; where no further repeat index is left, the next attempt. */
function nextRepeat(tried: number): number {
  const next = Math.ceil(tried / limits.attempts);
  return next > limits.attempts ? tried : next * limits.attempts;
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
