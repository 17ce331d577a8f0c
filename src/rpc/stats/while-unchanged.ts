/**
 * Answers that are made of a project's folded figures are kept until more is folded: ranking 20,000 tests takes 10 to
 * 40 ms of processor time, and what many watch is asked for again and again, often at once.
 */
import { type BoundedCache, createBoundedCache } from "../../bounded-cache.js";
import { readFoldVersion } from "../../db/fold-version.js";
import { fromDbError } from "../database-error.js";
import type { CallContext } from "../handler.js";
import type { StatsDeps } from "./stats-deps.js";

/** A page of a project's list. */
interface PageRequest {
  readonly projectId: string;
  readonly pageSize: number;
}

interface KeptAnswer<Answer> {
  /** Of the figures, or of older ones. */
  readonly version: string;
  readonly endsAt: number;
  /** Who asks for it while it is made waits for it. */
  readonly answer: Promise<Answer>;
}

/** Pages that are kept, at most so large: some 5 MB. */
const PAGES = 128;
const PAGE_SIZE = 100;
/** What is no figure changes before the version does: names of runs that are deleted, until they are folded. */
const KEPT_MS = 30_000;

/**
 * The same answers, made anew when the project's figures have changed, or half a minute has passed. Requests that
 * `isOfFigures` denies are always made anew.
 */
export function whileUnchanged<Request extends PageRequest, Answer>(
  { db, resolveProject }: Pick<StatsDeps, "db" | "resolveProject">,
  make: (request: Request, context: CallContext) => Promise<Answer>,
  isOfFigures: (request: Request) => boolean = () => true,
  now: () => number = () => performance.now(),
): (request: Request, context: CallContext) => Promise<Answer> {
  const kept: BoundedCache<string, KeptAnswer<Answer>> = createBoundedCache(PAGES);
  return async (request, context) => {
    if (request.pageSize > PAGE_SIZE || !isOfFigures(request)) return make(request, context);
    const { projectKey } = await resolveProject(request.projectId, context);
    const version = await versionOf(projectKey, context.deadlineAt);
    const key = JSON.stringify([projectKey, request]);
    const known = kept.get(key);
    if (known?.version === version && now() < known.endsAt) {
      // What ended another's call need not end this one.
      return known.answer.catch(() => make(request, context));
    }
    const answer = make(request, context);
    kept.set(key, { version, endsAt: now() + KEPT_MS, answer });
    answer.catch(() => kept.delete(key));
    return answer;
  };

  /** '' before anything is folded. */
  async function versionOf(projectKey: string, deadlineAt: number): Promise<string> {
    try {
      return (await readFoldVersion(db, projectKey, { deadlineAt }))?.version ?? "";
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  }
}
