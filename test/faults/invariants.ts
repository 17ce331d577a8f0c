/** What must hold of a database after any fault, given the journal of everybody who sent to it. */
import type { Connection } from "../../src/db/client.js";
import type { Journal } from "./journal.js";
import { writeJournal } from "./journal-tables.js";

export type InvariantName = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: InvariantName;
  readonly count: number;
  /** Up to three. */
  readonly examples: readonly unknown[];
}

/** The invariants that do not hold. Nothing may be written meanwhile. */
export async function checkInvariants(db: Connection, journal: Journal): Promise<Violation[]> {
  await writeJournal(db, journal);
  const violations: Violation[] = [];
  for (const [name, statement] of Object.entries(INVARIANTS)) {
    const [row] = await db.query<{ count: number; examples: unknown[] }>(`
      WITH violation AS MATERIALIZED (${statement})
      SELECT
        (SELECT count(*)::int FROM violation) AS count,
        (SELECT json_agg(e) FROM (SELECT * FROM violation LIMIT 3) e) AS examples`);
    const count = row?.count ?? 0;
    if (count > 0) {
      const examples = row?.examples ?? [];
      violations.push({ invariant: name as InvariantName, count, examples });
    }
  }
  return violations;
}

/** Each statement answers a row per violation. */
const INVARIANTS = {
  // With the content that was acknowledged: what came first stays.
  "acknowledged ⊆ stored": `
    SELECT a.run_id, a.test_name, a.result_id
    FROM journal.acknowledgements k
    JOIN journal.attempts a USING (number)
    WHERE k.outcome = 'stored' AND NOT EXISTS (
      SELECT FROM journal.stored s
      WHERE (s.project_id, s.run_id, s.test_name, s.result_id, s.content)
        = (a.project_id, a.run_id, a.test_name, a.result_id, a.content)
    )`,

  "stored ⊆ attempted": `
    SELECT s.run_id, s.test_name, s.result_id
    FROM journal.stored s
    WHERE NOT EXISTS (
      SELECT FROM journal.attempts a
      WHERE (s.project_id, s.run_id, s.test_name, s.result_id, s.content)
        = (a.project_id, a.run_id, a.test_name, a.result_id, a.content) AND a.valid
    )`,

  "each once": `
    SELECT 'result' AS what, run_id, test_name, result_id, count(*)
    FROM journal.stored
    GROUP BY project_id, run_id, test_name, result_id
    HAVING count(*) > 1
    UNION ALL
    SELECT 'run', run_id, NULL, NULL, count(*)
    FROM runs
    GROUP BY project_key, run_id
    HAVING count(*) > 1
    UNION ALL
    SELECT 'test', NULL, name, NULL, count(*)
    FROM tests
    GROUP BY project_key, suite, file, name, parameters, variant
    HAVING count(*) > 1`,

  "a conflict leaves the first content": `
    SELECT a.run_id, a.test_name, a.result_id, s.content IS NULL AS is_missing
    FROM journal.acknowledgements k
    JOIN journal.attempts a USING (number)
    LEFT JOIN journal.stored s USING (project_id, run_id, test_name, result_id)
    WHERE k.outcome = 'refused' AND k.reason = 2 AND (s.content IS NULL OR s.content = a.content)`,

  "only what breaks a rule is refused for it": `
    SELECT a.run_id, a.test_name, a.result_id, k.reason
    FROM journal.acknowledgements k
    JOIN journal.attempts a USING (number)
    WHERE k.outcome = 'refused' AND k.reason <> 2 AND a.valid`,

  "returned ⊆ kept": `
    SELECT a.run_id, a.test_name, a.result_id, k.rejection_id
    FROM journal.acknowledgements k
    JOIN journal.attempts a USING (number)
    WHERE k.outcome = 'refused' AND NOT EXISTS (
      SELECT FROM journal.kept r
      WHERE (r.project_id, r.run_id, r.rejection_id, r.bytes)
        = (a.project_id, a.run_id, k.rejection_id, a.bytes)
        AND r.kind = 1 AND r.reason = k.reason AND r.result_id = a.result_id
    )
    UNION ALL
    SELECT q.run_id, NULL, NULL, q.rejection_id
    FROM journal.requests q
    WHERE q.rejection_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM journal.kept r
      WHERE (r.project_id, r.run_id, r.rejection_id, r.bytes)
        = (q.project_id, q.run_id, q.rejection_id, q.bytes) AND r.kind = 2
    )`,

  "kept ⊆ attempted": `
    SELECT r.kind, r.run_id, r.result_id, r.rejection_id
    FROM journal.kept r
    WHERE NOT EXISTS (
      SELECT FROM journal.attempts a
      WHERE (r.project_id, r.run_id, r.result_id, r.bytes)
        = (a.project_id, a.run_id, a.result_id, a.bytes) AND r.kind = 1
    ) AND NOT EXISTS (
      SELECT FROM journal.requests q
      WHERE (r.project_id, r.run_id, r.bytes) = (q.project_id, q.run_id, q.bytes) AND r.kind = 2
    )`,

  // An interrupted upload says how far it is committed, not what became of each result.
  "committed ⊆ stored ∪ kept": `
    SELECT a.run_id, a.test_name, a.result_id
    FROM journal.acknowledgements k
    JOIN journal.attempts a USING (number)
    WHERE k.outcome = 'committed'
      AND NOT EXISTS (
        SELECT FROM journal.stored s
        WHERE (s.project_id, s.run_id, s.test_name, s.result_id, s.content)
          = (a.project_id, a.run_id, a.test_name, a.result_id, a.content)
      )
      AND NOT EXISTS (
        SELECT FROM journal.kept r
        WHERE (r.project_id, r.run_id, r.bytes) = (a.project_id, a.run_id, a.bytes)
      )`,

  "the ledger equals a recount": `
    SELECT b.batch_key, to_json(b) AS ledger, to_json(r) AS recount
    FROM (SELECT * FROM batches WHERE accepted_count > 0) b
    FULL JOIN (
      SELECT
        project_key, run_key, batch_key, count(*) AS accepted,
        count(*) FILTER (WHERE status = 1) AS passed, count(*) FILTER (WHERE status = 2) AS failed,
        count(*) FILTER (WHERE status = 3) AS errored, count(*) FILTER (WHERE status = 4) AS skipped,
        count(*) FILTER (WHERE status = 5) AS precluded, COALESCE(sum(duration_us), 0) AS duration_us
      FROM results
      GROUP BY project_key, run_key, batch_key
    ) r USING (project_key, run_key, batch_key)
    WHERE (
        b.accepted_count, b.passed_count, b.failed_count, b.errored_count, b.skipped_count,
        b.precluded_count, b.duration_us
      ) IS DISTINCT FROM (
        r.accepted, r.passed, r.failed, r.errored, r.skipped, r.precluded, r.duration_us
      )`,

  // Of what is not folded yet; what is, a recount tells (figures.ts).
  "the fold queue equals the rows": `
    (
      SELECT 'queued' AS extra, q.run_key, q.batch_key, u.test_key, u.status, u.duration_us
      FROM fold_queue q
      CROSS JOIN unnest(q.test_keys, q.statuses, q.durations) AS u(test_key, status, duration_us)
      WHERE q.weight = 1
      EXCEPT ALL
      SELECT 'queued', run_key, batch_key, test_key, status, duration_us FROM results
    )
    UNION ALL
    (
      SELECT 'stored', r.run_key, r.batch_key, r.test_key, r.status, r.duration_us
      FROM results r
      JOIN fold_queue q USING (project_key, run_key, batch_key)
      EXCEPT ALL
      SELECT 'stored', q.run_key, q.batch_key, u.test_key, u.status, u.duration_us
      FROM fold_queue q
      CROSS JOIN unnest(q.test_keys, q.statuses, q.durations) AS u(test_key, status, duration_us)
      WHERE q.weight = 1
    )`,

  // Answers get lost, so they count less than the ledger; never more.
  "answered ≤ counted": `
    SELECT to_json(a) AS answered, to_json(l) AS ledger
    FROM (
      SELECT
        project_id, run_id, sum(accepted) AS accepted, sum(duplicate) AS duplicate,
        sum(conflict) AS conflict, sum(rejected) AS rejected
      FROM journal.answered
      GROUP BY project_id, run_id
    ) a
    LEFT JOIN (
      SELECT
        p.project_id, u.run_id, sum(accepted_count) AS accepted, sum(duplicate_count) AS duplicate,
        sum(conflict_count) AS conflict, sum(rejected_count) AS rejected
      FROM batches b
      JOIN projects p USING (project_key)
      JOIN runs u USING (project_key, run_key)
      GROUP BY p.project_id, u.run_id
    ) l USING (project_id, run_id)
    WHERE l.accepted IS NULL OR a.accepted > l.accepted OR a.duplicate > l.duplicate
      OR a.conflict > l.conflict OR a.rejected > l.rejected`,

  "usage equals a recount": `
    SELECT project_key, u.kept_bytes, r.kept_bytes AS recount
    FROM rejection_usage u
    FULL JOIN (
      SELECT project_key, sum(octet_length(bytes) + octet_length(part) + 1024) AS kept_bytes
      FROM rejections
      GROUP BY project_key
    ) r USING (project_key)
    WHERE u.kept_bytes IS DISTINCT FROM r.kept_bytes
    UNION ALL
    SELECT project_key, c.test_count, r.test_count
    FROM test_counts c
    FULL JOIN (
      SELECT project_key, count(*) AS test_count FROM tests GROUP BY project_key
    ) r USING (project_key)
    WHERE c.test_count IS DISTINCT FROM r.test_count`,
} as const;
