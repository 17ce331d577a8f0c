import type { TestChanges } from "../../../../gen/tally/v1/stats_pb.js";
import type { CompareRunsResponse } from "../../../../gen/tally/v1/stats_service_pb.js";

/** One of the six lists of a comparison. */
export interface ChangeList {
  /** In the address. */
  readonly value: string;
  readonly text: string;
  readonly isBad?: boolean;
  /** What is said of it when it is empty. */
  readonly none: string;
  readonly of: (changes: CompareRunsResponse) => TestChanges | undefined;
}

/** The lists, what needs someone first. */
export const changeLists: readonly ChangeList[] = [
  {
    value: "newly-failing",
    text: "Newly failing",
    isBad: true,
    none: "No test that passed or was skipped in base fails in head.",
    of: ({ newlyFailing }) => newlyFailing,
  },
  {
    value: "still-failing",
    text: "Still failing",
    none: "No test fails in both runs.",
    of: ({ stillFailing }) => stillFailing,
  },
  {
    value: "fixed",
    text: "Fixed",
    none: "No test that failed in base passes in head.",
    of: ({ fixed }) => fixed,
  },
  {
    value: "added",
    text: "Added",
    none: "Head has no test that base has not.",
    of: ({ added }) => added,
  },
  {
    value: "missing",
    text: "Missing",
    none: "Head has every test of base.",
    of: ({ missing }) => missing,
  },
  {
    value: "slower",
    text: "Slower",
    none: "No test took at least 1.5 times and 100 ms longer, and longer than its usual p95.",
    of: ({ slower }) => slower,
  },
];

/** The list of that name; else the first that has a test, else the first. */
export function chooseList(name: string, changes: CompareRunsResponse): ChangeList {
  const [first] = changeLists as [ChangeList, ...ChangeList[]];
  return (
    changeLists.find(({ value }) => value === name) ??
    changeLists.find(({ of }) => (of(changes)?.count ?? 0n) > 0n) ??
    first
  );
}
