/** The order of runs, newest first: by when they count, then by key. And lists of the newest ones. */

/** A place in the order. */
export interface OrderedRun {
  readonly runKey: string;
  readonly countedUs: number;
}

/** A run of a test, with the statuses of its results: bit 1 << status for each. */
export interface TestRun extends OrderedRun {
  readonly statuses: number;
}

/** Less than 0 where `a` is the newer one. */
export function compareRuns(a: OrderedRun, b: OrderedRun): number {
  return b.countedUs - a.countedUs || compareKeys(b.runKey, a.runKey);
}

/** Keys are positive numbers in decimal, without leading zeros. */
function compareKeys(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The newest runs, newest first: their keys, with commas in between. A list is text as it is stored: most runs come to
 * its head, and nothing else of it has to be read. `more`: there may be others, all of them older.
 */
export interface RunList {
  readonly runKeys: string;
  readonly more: boolean;
}

/** The newest run of a list; "" of none. */
export function newestOf({ runKeys }: RunList): string {
  const comma = runKeys.indexOf(",");
  return comma < 0 ? runKeys : runKeys.slice(0, comma);
}

/** Whether the list names the run. */
export function hasRun({ runKeys }: RunList, runKey: string): boolean {
  return runKeys === runKey || `,${runKeys},`.includes(`,${runKey},`);
}

/** The list with more runs, each named once, in any order; see withRun. Those that are newer than all go in together. */
export function withRuns(
  list: RunList,
  runs: readonly OrderedRun[],
  countedUsOf: (runKey: string) => number,
  maxRuns: number,
): RunList {
  const newest = newestOf(list);
  const isHead =
    newest === "" ? !list.more : runs.every((run) => isNewer(run, newest, countedUsOf));
  if (!isHead) {
    return runs.reduce((longer, run) => withRun(longer, run, countedUsOf, maxRuns), list);
  }
  const runKeys = runs.toSorted(compareRuns).map(({ runKey }) => runKey);
  if (newest !== "") runKeys.push(list.runKeys);
  return cut(runKeys.join(","), list.more, maxRuns);
}

/**
 * The list with one more run. While there may be others that it does not name, one that is older than all that it
 * names is not added: it need not be the next. `countedUsOf` tells when the others count.
 */
function withRun(
  list: RunList,
  run: OrderedRun,
  countedUsOf: (runKey: string) => number,
  maxRuns: number,
): RunList {
  const newest = newestOf(list);
  if (newest === "") return list.more ? list : { runKeys: run.runKey, more: false };
  if (newest === run.runKey) return list;
  const isOlder = (runKey: string) => isNewer(run, runKey, countedUsOf);
  if (isOlder(newest)) return cut(`${run.runKey},${list.runKeys}`, list.more, maxRuns);
  if (hasRun(list, run.runKey)) return list;
  const runKeys = keysOf(list);
  const place = runKeys.findIndex(isOlder);
  if (place < 0 && list.more) return list;
  const longer = runKeys.toSpliced(place < 0 ? runKeys.length : place, 0, run.runKey);
  return cut(longer.join(","), list.more, maxRuns);
}

/** The list without a run. */
export function withoutRun(list: RunList, runKey: string): RunList {
  if (!hasRun(list, runKey)) return list;
  const others = keysOf(list).filter((key) => key !== runKey);
  return { runKeys: others.join(","), more: list.more };
}

/** The runs that a list names. */
export function keysOf({ runKeys }: RunList): string[] {
  return runKeys === "" ? [] : runKeys.split(",");
}

function isNewer(run: OrderedRun, than: string, countedUsOf: (runKey: string) => number): boolean {
  return compareRuns(run, { runKey: than, countedUs: countedUsOf(than) }) < 0;
}

function cut(runKeys: string, more: boolean, maxRuns: number): RunList {
  let at = -1;
  for (let runs = 0; runs < maxRuns; runs++) {
    at = runKeys.indexOf(",", at + 1);
    if (at < 0) return { runKeys, more };
  }
  return { runKeys: runKeys.slice(0, at), more: true };
}
