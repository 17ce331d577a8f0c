/**
 * Writes one step of folding: whole, or not at all where somebody else has folded the project since what the step
 * adds to was read. So no lock is held between reading and writing, and a step whose answer was lost is not
 * written twice.
 */
import { heavyStep } from "../heavy-steps.js";
import { failureClauses } from "./fold-failure-clauses.js";
import type { FoldStep } from "./fold-rows.js";
import { testClauses } from "./fold-test-clauses.js";
import { totalClauses } from "./fold-total-clauses.js";
import type { Queryable } from "./queryable.js";

/** Writes the step, if the project still has this version; whether it did. */
export async function writeFoldStep(
  db: Queryable,
  projectKey: string,
  version: string,
  step: FoldStep,
  deadlineAt: number,
): Promise<boolean> {
  const params = [projectKey, version];
  for (const { literals } of CLAUSES) {
    for (const literal of literals(step)) {
      params.push(literal);
      if (literal.length > LONG_LITERAL) await heavyStep();
    }
  }
  const [row] = await db.query<{ written: boolean }>(WRITE, params, { deadlineAt });
  return row?.written ?? false;
}

/** About half a millisecond of making it. */
const LONG_LITERAL = 16_384;

const CLAUSES = [...totalClauses, ...testClauses, ...failureClauses];

// Every other part acts for the row that guard answers: for none where another has raised the version.
const WRITE = `
WITH guard AS (
  UPDATE fold_states
  SET version = version + 1
  WHERE project_key = $1 AND version = $2::bigint
  RETURNING 1
),
${textOf(3)}
SELECT EXISTS (SELECT FROM guard) AS written`;

/** The clauses, with parameters from `$first` on. */
function textOf(first: number): string {
  let next = first;
  const texts = CLAUSES.map(({ text, size }) => {
    next += size;
    return text(next - size);
  });
  return texts.join(",\n");
}
