/** Tells of failed results whether a passed one contradicts them, by what is committed; folded or not. */
import {
  type CodeRun,
  type PassQuestion,
  readPasses,
  readRunsOfCode,
} from "../../db/contradictions.js";
import type { CodeFacts } from "../../db/fold-rows.js";
import { readKnownFailures } from "../../db/folded-failures.js";
import type { Queryable } from "../../db/queryable.js";

/** Failed results of a test and a job in a run. */
export interface Claim {
  readonly testKey: number;
  readonly job: string;
  readonly run: CodeRun & CodeFacts;
}

/**
 * Whether folded failures of equal runs answer for others. First: before anything is looked up. A failure that nothing
 * contradicted when it was folded would have been found by every pass that was folded since, and this one will be found
 * by those to come. Last: where nothing that is left answers; what contradicted them has expired, and they stay so.
 */
export type UseOfKnown = "first" | "last" | "never";

/** Questions of one statement, and runs that it may look into. */
const QUESTIONS_PER_READ = 2_000;
const RUNS_PER_READ = 100_000;

/**
 * Whether each is contradicted; null where no pass is left, but a run has expired that may have had one: what was
 * known before stays true. A run's results stay for minutes after it has expired: they are not read after they left.
 * Runs of equal code have equal answers, so that each is looked up once, and what is folded of such runs may answer, as
 * `known` says.
 */
export async function judgeClaims(
  db: Queryable,
  projectKey: string,
  claims: readonly Claim[],
  known: UseOfKnown,
): Promise<(boolean | null)[]> {
  const distinct = new Map<string, Claim>();
  for (const claim of claims) {
    const key = claimKey(claim);
    if (!distinct.has(key)) distinct.set(key, claim);
  }
  const answers = new Map<string, boolean | null>();
  if (known === "first") await answerKnown(db, projectKey, distinct, answers);
  const open = [...distinct].filter(([key]) => !answers.has(key));
  const runsOf = await findRuns(
    db,
    projectKey,
    open.map(([, claim]) => claim),
  );
  const questions = open.map(([, { testKey, job, run }]) => ({ testKey, job, runs: runsOf(run) }));
  let asked = 0;
  for (const page of pages(questions)) {
    const passed = await readPasses(db, projectKey, page);
    for (const [i, { runs }] of page.entries()) {
      const answer = passed[i] || (runs.some(({ expired }) => expired) ? null : false);
      answers.set(open[asked++]?.[0] ?? "", answer);
    }
  }
  if (known === "last") {
    const untold = [...distinct].filter(([key]) => answers.get(key) === null);
    await answerKnown(db, projectKey, new Map(untold), answers);
  }
  return claims.map((claim) => answers.get(claimKey(claim)) ?? null);
}

/** Whether other runs can have the same code. */
export function hasCode({ dirty, commitSha, treeSha }: CodeFacts): boolean {
  return !dirty && (commitSha !== "" || treeSha !== "");
}

function claimKey({ testKey, job, run }: Claim): string {
  return `${testKey} ${hasCode(run) ? codeKey(run) : `run ${run.runKey}`} ${job}`;
}

/** Neither has a space that could be taken for this one: lengths come first. */
function codeKey({ commitSha, treeSha }: CodeFacts): string {
  return `${commitSha.length} ${commitSha} ${treeSha}`;
}

async function answerKnown(
  db: Queryable,
  projectKey: string,
  claims: ReadonlyMap<string, Claim>,
  answers: Map<string, boolean | null>,
): Promise<void> {
  const coded = [...claims].filter(([, { run }]) => hasCode(run));
  for (let from = 0; from < coded.length; from += QUESTIONS_PER_READ) {
    const page = coded.slice(from, from + QUESTIONS_PER_READ);
    const known = await readKnownFailures(
      db,
      projectKey,
      page.map(([, { testKey, job, run }]) => ({ testKey, job, ...run })),
    );
    known.forEach((contradicted, i) => {
      const key = page[i]?.[0];
      if (contradicted !== null && key !== undefined) answers.set(key, contradicted);
    });
  }
}

/** The runs with the code of each run, itself among them. */
async function findRuns(
  db: Queryable,
  projectKey: string,
  claims: readonly Claim[],
): Promise<(run: Claim["run"]) => readonly CodeRun[]> {
  const codes = new Map<string, CodeFacts>();
  for (const { run } of claims) if (hasCode(run)) codes.set(codeKey(run), run);
  const found = codes.size === 0 ? [] : await readRunsOfCode(db, projectKey, [...codes.values()]);
  const runsOfCode = new Map([...codes.keys()].map((key, i) => [key, found[i] ?? []]));
  const own = new Map<string, readonly CodeRun[]>();
  return (run) => {
    const ofCode = hasCode(run) ? runsOfCode.get(codeKey(run)) : undefined;
    if (ofCode !== undefined && ofCode.length > 0) return ofCode;
    const alone = own.get(run.runKey) ?? [run];
    own.set(run.runKey, alone);
    return alone;
  };
}

function* pages(questions: readonly PassQuestion[]): Generator<PassQuestion[]> {
  let page: PassQuestion[] = [];
  let runs = 0;
  for (const question of questions) {
    const full = page.length === QUESTIONS_PER_READ || runs + question.runs.length > RUNS_PER_READ;
    if (full && page.length > 0) {
      yield page;
      page = [];
      runs = 0;
    }
    page.push(question);
    runs += question.runs.length;
  }
  if (page.length > 0) yield page;
}
