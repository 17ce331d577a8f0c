/** The identities that the server derives. Hashes are over length-prefixed parts, so "ab"+"c" ≠ "a"+"bc". */
import type { Part, Test } from "../../gen/tally/v1/run_pb.js";
import { hashParts } from "../hash-parts.js";

/** A part with its defaults applied. */
export interface PartFacts {
  readonly job: string;
  readonly attempt: number;
  readonly shardIndex: number;
  readonly shardTotal: number;
  readonly producer: string;
}

/** The part of a run that has but one. */
const ONLY_PART: PartFacts = Object.freeze({
  job: "",
  attempt: 1,
  shardIndex: 0,
  shardTotal: 0,
  producer: "",
});

/** The part as it is kept: absent is the only producer, attempt 0 is 1. */
export function partFacts(part: Part | undefined): PartFacts {
  if (part === undefined) return ONLY_PART;
  const { job, attempt, shardIndex, shardTotal, producer } = part;
  return { job, attempt: Math.max(1, attempt), shardIndex, shardTotal, producer };
}

/** 16 bytes that name a part within its run: its job, attempt, shard and producer. */
export function partId(part: PartFacts): Buffer {
  return part === ONLY_PART ? ONLY_PART_ID : hashPart(part);
}

function hashPart({ job, attempt, shardIndex, producer }: PartFacts): Buffer {
  return hash16([job, String(attempt), String(shardIndex), producer]);
}

/**
 * What default result ids of a part begin with: job, shard and CI attempt, not the producer, so that two
 * collectors of one job send repeats. `~`, 16 base64url characters.
 */
export function resultIdPrefix(part: PartFacts): string {
  return part === ONLY_PART ? ONLY_PART_PREFIX : hashPrefix(part);
}

function hashPrefix(part: PartFacts): string {
  const bytes = hash16([part.job, String(part.attempt), String(part.shardIndex)]);
  return `~${bytes.toString("base64url", 0, 12)}`;
}

/** The id of a result that was sent without one. */
export type ResultIds = (attempt: number, repeatIndex: number) => string;

/** The ids of a part's results; most have the same one as the result before. */
export function defaultResultIds(part: PartFacts): ResultIds {
  const prefix = resultIdPrefix(part);
  let last = { attempt: 0, repeatIndex: 0, id: "" };
  return (attempt, repeatIndex) => {
    if (last.attempt !== attempt || last.repeatIndex !== repeatIndex) {
      last = { attempt, repeatIndex, id: `${prefix}.${attempt}.${repeatIndex}` };
    }
    return last.id;
  };
}

/** A text that is equal for equal tests: the key under which a server remembers them. */
export function testCacheKey(test: Test): string {
  const { suite, file, name, parameters, variant } = test;
  // The numbers say where each text ends.
  const key = `${suite.length},${file.length},${name.length}:${suite}${file}${name}${parameters}`;
  for (const _ in variant) return `${key}${key.length}${variantJson(test)}`;
  return key;
}

/** 16 bytes that name a test within its project. */
export function testId(test: Test): Buffer {
  const parts = [test.suite, test.file, test.name, test.parameters];
  for (const [key, value] of sortedEntries(test.variant)) parts.push(key, value);
  return hash16(parts);
}

/** The variant as JSON with sorted keys. */
export function variantJson(test: Test): string {
  return JSON.stringify(Object.fromEntries(sortedEntries(test.variant)));
}

/** 16 bytes that name a refused item: the same refusal has the same id. */
export function rejectionId(
  kind: number,
  runId: string,
  key: readonly (string | Uint8Array)[],
  bytes: Uint8Array,
): Buffer {
  return hash16([String(kind), runId, ...key, bytes]);
}

/** The entries of a map in the order of their keys' UTF-16 units. */
export function sortedEntries(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function hash16(parts: readonly (string | Uint8Array)[]): Buffer {
  return hashParts(parts).subarray(0, 16);
}

const ONLY_PART_ID = hashPart(ONLY_PART);
const ONLY_PART_PREFIX = hashPrefix(ONLY_PART);
