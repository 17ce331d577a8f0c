/**
 * Fields of a result that JUnit or CTRF have no place for, as texts under names of our own: JUnit has them as
 * properties `tally.<name>` of the test case, CTRF in `extra.tally`. So they survive an export, and other tools
 * may ignore them.
 */
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/fit-result.js";
import { parseSeconds, parseTimestamp } from "./values.js";

/** What a reader knows of a result. */
export type ResultFacts = Exclude<TestResultInit, TestResult>;

/** The facts with what the fields say. */
export function withOwnFields(facts: ResultFacts, own: ReadonlyMap<string, string>): ResultFacts {
  if (own.size === 0) return facts;
  const variant: Record<string, string> = { ...facts.test?.variant };
  for (const [name, value] of own) {
    if (name.startsWith(VARIANT)) variant[name.slice(VARIANT.length)] = value;
  }
  const { test, failure, location } = facts;
  const seconds = own.get("duration");
  const duration = seconds === undefined ? facts.duration : parseSeconds(seconds);
  const startTime = parseTimestamp(own.get("start_time") ?? "") ?? facts.startTime;
  const { duration: _, ...others } = facts;
  return {
    ...others,
    test: { ...test, parameters: own.get("parameters") ?? test?.parameters ?? "", variant },
    rawStatus: own.get("raw_status") ?? facts.rawStatus ?? "",
    ...(own.get("status") === PRECLUDED ? { status: Status.PRECLUDED } : {}),
    ...(duration === undefined ? {} : { duration }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(failure === undefined
      ? {}
      : {
          failure: {
            ...failure,
            kind: own.get("failure.kind") ?? failure.kind ?? "",
            type: own.get("failure.type") ?? failure.type ?? "",
            expected: own.get("failure.expected") ?? failure.expected ?? "",
            actual: own.get("failure.actual") ?? failure.actual ?? "",
          },
        }),
    location: { ...location, file: own.get("location.file") ?? location?.file ?? "" },
  };
}

/**
 * Everything of the result that may need a name of our own, without what is empty (but for the variant, whose keys
 * count) and what the format has a place for.
 */
export function ownFields(
  { test, status, failure, location }: TestResult,
  isPlaced: (name: string) => boolean,
): Map<string, string> {
  const fields: [name: string, value: string | undefined][] = [
    ["parameters", test?.parameters],
    ["status", status === Status.PRECLUDED ? PRECLUDED : ""],
    ["failure.kind", failure?.kind],
    ["failure.type", failure?.type],
    ["failure.expected", failure?.expected],
    ["failure.actual", failure?.actual],
    ["location.file", location?.file === test?.file ? "" : location?.file],
  ];
  const own = new Map<string, string>();
  for (const [name, value] of fields) if (value && !isPlaced(name)) own.set(name, value);
  for (const [key, value] of Object.entries(test?.variant ?? {})) {
    if (!isPlaced(VARIANT + key)) own.set(VARIANT + key, value);
  }
  return own;
}

/** Whether it is the name of such a field; other names are left to whoever else uses the prefix. */
function isOwnField(name: string): boolean {
  return NAMES.has(name) || name.startsWith(VARIANT);
}

/** Whether it belongs to the test, and so to all its tries. */
export function isSharedField(name: string): boolean {
  return name === "parameters" || name === "location.file" || name.startsWith(VARIANT);
}

/** The fields that belong to the test. */
export function sharedFields(own: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...own].filter(([name]) => isSharedField(name)));
}

/** The name of such a property in JUnit, undefined if it is another one. */
export function ownFieldOf(property: string): string | undefined {
  const name = property.startsWith(OWN_PREFIX) ? property.slice(OWN_PREFIX.length) : "";
  return isOwnField(name) ? name : undefined;
}

/** What begins the names of such properties in JUnit. */
export const OWN_PREFIX = "tally.";
const NAMES: ReadonlySet<string> = new Set([
  ...["parameters", "status", "raw_status", "start_time", "duration", "location.file"],
  ...["failure.kind", "failure.type", "failure.expected", "failure.actual"],
]);
const VARIANT = "variant.";
const PRECLUDED = "precluded";
