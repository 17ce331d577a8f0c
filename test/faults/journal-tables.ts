/** A journal as tables of the database that it is compared with. */
import { toBinary } from "@bufbuild/protobuf";
import { TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { byteaArray, plainArray, textArray } from "../../src/db/array-literal.js";
import type { Connection } from "../../src/db/client.js";
import { toRow } from "../../src/ingest/columns.js";
import { defaultResultIds, partFacts } from "../../src/ingest/identity.js";
import type { Journal } from "./journal.js";

/** Writes the journal to the schema `journal`, in place of an earlier one. */
export async function writeJournal(db: Connection, journal: Journal): Promise<void> {
  await db.run(TABLES);
  await writeAttempts(db, journal);
  const { acknowledgements, answered, requests } = journal;
  const numbers = new Map(journal.attempts.map((attempt, number) => [attempt, number]));
  await db.query(
    `INSERT INTO journal.acknowledgements
     SELECT * FROM unnest($1::int[], $2::text[], $3::int[], $4::text[])`,
    [
      plainArray(acknowledgements.map(({ attempt }) => numbers.get(attempt) ?? null)),
      textArray(acknowledgements.map(({ outcome }) => outcome)),
      plainArray(acknowledgements.map(({ item }) => item?.reason ?? null)),
      textArray(acknowledgements.map(({ item }) => item?.rejectionId ?? null)),
    ],
  );
  await db.query(
    `INSERT INTO journal.answered
     SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[])`,
    [
      textArray(answered.map(({ target }) => target.projectId)),
      textArray(answered.map(({ target }) => target.runId)),
      ...[0, 1, 2, 3].map((i) => plainArray(answered.map(({ counts }) => counts[i] ?? null))),
    ],
  );
  await db.query(
    `INSERT INTO journal.requests
     SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[])`,
    [
      textArray(requests.map(({ projectId }) => projectId)),
      textArray(requests.map(({ runId }) => runId)),
      byteaArray(requests.map(({ bytes }) => bytes)),
      textArray(requests.map(({ rejectionId }) => rejectionId)),
    ],
  );
  await db.run("ANALYZE");
}

async function writeAttempts(db: Connection, { attempts }: Journal): Promise<void> {
  const columns = attempts.map(({ target, result }) =>
    toRow(result, defaultResultIds(partFacts(target.part)), "0"),
  );
  await db.query(
    `INSERT INTO journal.attempts
     SELECT ord - 1, project_id, run_id, test_name, result_id, valid, content, bytes
     FROM (
       SELECT s.*, journal.content(status, duration_us, failure_message, details) AS content
       FROM unnest(
         $1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::smallint[], $7::bigint[],
         $8::text[], $9::bytea[], $10::bytea[]
       ) WITH ORDINALITY AS s(
         project_id, run_id, test_name, result_id, valid, status, duration_us, failure_message,
         details, bytes, ord
       )
     ) s`,
    [
      textArray(attempts.map(({ target }) => target.projectId)),
      textArray(attempts.map(({ target }) => target.runId)),
      textArray(attempts.map(({ result }) => result.test?.name ?? "")),
      textArray(columns.map(({ resultId }) => resultId)),
      plainArray(attempts.map(({ valid }) => valid)),
      plainArray(columns.map(({ status }) => status)),
      plainArray(columns.map(({ durationUs }) => durationUs)),
      textArray(columns.map(({ failureMessage }) => failureMessage)),
      byteaArray(columns.map(({ details }) => details)),
      byteaArray(attempts.map(({ result }) => toBinary(TestResultSchema, result))),
    ],
  );
}

/** `stored` shows the database as the journal names things; `content` is all of a result but its key. */
const TABLES = `
DROP SCHEMA IF EXISTS journal CASCADE;
CREATE SCHEMA journal;
CREATE FUNCTION journal.content(smallint, bigint, text, bytea) RETURNS text IMMUTABLE
  RETURN md5(row($1, $2, $3, $4)::text);
CREATE TABLE journal.attempts (
  number int, project_id text, run_id text, test_name text, result_id text, valid boolean,
  content text, bytes bytea
);
CREATE TABLE journal.acknowledgements (
  number int, outcome text, reason int, rejection_id text
);
CREATE TABLE journal.answered (
  project_id text, run_id text, accepted int, duplicate int, conflict int, rejected int
);
CREATE TABLE journal.requests (
  project_id text, run_id text, bytes bytea, rejection_id text
);
CREATE VIEW journal.stored AS
  SELECT
    p.project_id, u.run_id, t.name AS test_name, r.result_id,
    journal.content(r.status, r.duration_us, r.failure_message, r.details) AS content
  FROM results r
  LEFT JOIN projects p USING (project_key)
  LEFT JOIN runs u USING (project_key, run_key)
  LEFT JOIN tests t USING (project_key, test_key);
CREATE VIEW journal.kept AS
  SELECT
    p.project_id, j.run_id, j.kind, j.reason, j.result_id, j.bytes,
    encode(j.rejection_id, 'hex') AS rejection_id
  FROM rejections j
  LEFT JOIN projects p USING (project_key);`;
