/**
 * What happened in a project: commits of its main branch, each with the pull request that it came from; full runs of
 * the commits, of which some are run twice; partial runs of the pull requests; regressions and outages. Everything follows
 * from the seed.
 */
import { drawOf, type Random, seededRandom } from "../random.js";
import { type CatalogTest, makeCatalog } from "./catalog.js";

export interface DatasetOptions {
  readonly seed: number;
  /** Stops at the end of the run with which it has so many results, about. */
  readonly results: number;
  readonly tests: number;
  readonly days: number;
  /** When the last run ends, in microseconds since the epoch. */
  readonly endUs: number;
}

/** Tests from `first` on, around the end of the catalog. */
export interface TestRange {
  readonly first: number;
  readonly count: number;
}

/** A state of the code. */
export interface Tree {
  readonly treeSha: string;
  /** Tests that fail in it, however often they run. */
  readonly broken: readonly TestRange[];
}

export interface PlannedRun {
  readonly index: number;
  readonly runId: string;
  readonly branch: string;
  readonly commitSha: string;
  readonly tree: Tree;
  readonly startUs: number;
  readonly range: TestRange;
  /** Four in ten of its end-to-end tests errored: the shop was not reachable. */
  readonly isOutage: boolean;
  readonly isNightly: boolean;
}

export interface Dataset {
  readonly options: DatasetOptions;
  readonly catalog: readonly CatalogTest[];
  /** Oldest first. */
  readonly runs: readonly PlannedRun[];
}

/** The data set of a seed: the same on every machine. */
export function planDataset(options: DatasetOptions): Dataset {
  const { seed, tests, days, endUs } = options;
  const random = seededRandom(seed);
  // A commit has a full run, now and then a second one, and pushes of a tenth.
  const perCommit = tests * (1 + RERUN_SHARE + PUSHES * PUSH_SHARE);
  const commits = Math.max(1, Math.round(options.results / perCommit));
  const commitUs = (days * DAY_US) / commits;
  const startUs = endUs - days * DAY_US;
  const regressions = drawRegressions(random, commits, tests);
  const runs: PlannedRun[] = [];
  const add = (run: Omit<PlannedRun, "index" | "runId">) => {
    const index = runs.length;
    runs.push({ ...run, index, runId: `build-${index + 1}` });
  };
  for (let commit = 0; commit < commits; commit++) {
    const broken = regressions.filter((r) => r.from <= commit && commit < r.to);
    const tree: Tree = { treeSha: hex(seed, commit, 1), broken };
    const at = (share: number) => Math.round(startUs + (commit + share) * commitUs);
    const full = { first: 0, count: tests };
    const slice = { first: Math.floor(random() * tests), count: Math.round(tests * PUSH_SHARE) };
    const branch = `change-${commit + 1}`;
    for (let push = 1; push <= PUSHES; push++) {
      const isLast = push === PUSHES;
      // The first push breaks some tests of its own; the last one has the tree that is merged.
      const own = { first: slice.first, count: Math.floor(random() * 20) };
      add({
        branch,
        commitSha: hex(seed, commit, 10 + push),
        tree: isLast
          ? tree
          : { treeSha: hex(seed, commit, 20 + push), broken: [...tree.broken, own] },
        startUs: at(0.1 * push),
        range: slice,
        isOutage: false,
        isNightly: false,
      });
    }
    const main = { branch: "main", commitSha: hex(seed, commit, 2), tree, range: full };
    const isOutage = random() < OUTAGE_SHARE;
    add({ ...main, startUs: at(0.4), isOutage, isNightly: false });
    if (isOutage || random() < RERUN_SHARE) {
      add({ ...main, startUs: at(0.7), isOutage: false, isNightly: true });
    }
  }
  return { options, catalog: makeCatalog(seed, tests), runs };
}

/** Whether a test is of the range. */
export function isWithin({ first, count }: TestRange, index: number, tests: number): boolean {
  return (index - first + tests) % tests < count;
}

/** Up to 60 tests fail for one to four commits; those of the last regression still do. */
function drawRegressions(random: Random, commits: number, tests: number) {
  const regressions: (TestRange & { from: number; to: number })[] = [];
  for (let commit = 0; commit < commits; commit++) {
    if (random() >= REGRESSION_SHARE) continue;
    const first = Math.floor(random() * tests);
    const count = 1 + Math.floor(random() * 60);
    regressions.push({ first, count, from: commit, to: commit + 1 + Math.floor(random() * 4) });
  }
  const from = Math.max(0, commits - 4);
  regressions.push({ first: Math.floor(tests / 3), count: 15, from, to: commits });
  return regressions;
}

function hex(...numbers: readonly number[]): string {
  return [3, 5, 7, 11, 13]
    .map((salt) => Math.floor(drawOf(...numbers, salt) * 2 ** 32))
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");
}

const DAY_US = 86_400e6;
const PUSHES = 2;
const PUSH_SHARE = 0.1;
const RERUN_SHARE = 0.15;
const OUTAGE_SHARE = 0.04;
const REGRESSION_SHARE = 0.25;
