import { expect, it } from "vitest";
import { DbError } from "../../src/db/errors.js";
import { ProjectGone } from "../../src/events/event-job.js";
import { openEventLab, view } from "./lab.js";

/** What the database holds of a project: events, what is to be folded, and what the ledger says. */
const RECOUNT = `
SELECT
  (SELECT count(*)::int FROM events WHERE project_key = $1) AS events,
  (SELECT COALESCE(sum(cardinality(days)), 0)::int FROM event_fold_queue WHERE project_key = $1) AS folding,
  (SELECT COALESCE(sum(processed_count), 0)::int FROM event_batches WHERE project_key = $1) AS processed,
  (SELECT COALESCE(sum(duplicate_count), 0)::int FROM event_batches WHERE project_key = $1) AS duplicate,
  (SELECT COALESCE(sum(conflict_count), 0)::int FROM event_batches WHERE project_key = $1) AS conflict,
  (SELECT COALESCE(sum(rejected_count), 0)::int FROM event_batches WHERE project_key = $1) AS rejected,
  (SELECT COALESCE(sum(repeat_count), 0)::int FROM rejections WHERE project_key = $1) AS kept`;
const NOTHING = {
  events: 0,
  folding: 0,
  processed: 0,
  duplicate: 0,
  conflict: 0,
  rejected: 0,
  kept: 0,
};

it("tells each of many callers what became of its own events, in few statements", async () => {
  await using lab = await openEventLab();
  const project = await lab.newProject();
  const callers = Array.from({ length: 60 }, (_, n) =>
    lab.ingest(project, [view("shared", 0), view("own", n), "{"]),
  );
  const answers = await Promise.all(callers);
  const outcomes = answers.map((events) => events.map(({ outcome }) => outcome));
  expect(outcomes.filter(([shared]) => shared === "processed")).toHaveLength(1);
  expect(outcomes.filter(([shared]) => shared === "duplicate")).toHaveLength(59);
  for (const [, own, broken] of outcomes) expect([own, broken]).toEqual(["processed", "rejected"]);
  expect(lab.sent.length).toBeLessThan(12);
  expect(await lab.db.query(RECOUNT, [project])).toEqual([
    { ...NOTHING, events: 61, folding: 61, processed: 61, duplicate: 59, rejected: 60, kept: 60 },
  ]);
});

it("stores events and keeps refusals by one statement, or neither", async () => {
  await using lab = await openEventLab();
  const project = await lab.newProject();
  await lab.db.run(
    "ALTER TABLE event_fold_queue ADD CONSTRAINT injected CHECK (client <> 'poison')",
  );
  // The last part of the statement fails: nothing of what came before it stays.
  const [poison, broken] = await lab.ingest(project, [view("poison", 1), "{"]);
  expect([poison?.outcome, broken?.outcome]).toEqual(["rejected", "rejected"]);
  expect(poison?.violations[0]?.description).toContain("injected");
  expect(await lab.db.query(RECOUNT, [project])).toEqual([{ ...NOTHING, rejected: 2, kept: 2 }]);
});

it("isolates the event that the database cannot store, and stores its neighbours", async () => {
  await using lab = await openEventLab({ lanes: 1 });
  const project = await lab.newProject();
  await lab.db.run("ALTER TABLE events ADD CONSTRAINT injected CHECK (client <> 'poison')");
  const events = Array.from({ length: 1_000 }, (_, n) => view(n === 617 ? "poison" : "sound", n));
  const answers = await lab.ingest(project, events);
  expect(answers.filter(({ outcome }) => outcome === "processed")).toHaveLength(999);
  expect(answers[617]).toMatchObject({ outcome: "rejected", client: "poison" });
  const { length } = lab.sent.filter((statement) => statement === "insert");
  expect(length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(1_000)));
  expect(await lab.db.query(RECOUNT, [project])).toEqual([
    { ...NOTHING, events: 999, folding: 999, processed: 999, rejected: 1, kept: 1 },
  ]);
});

it("takes its own events for stored when the answer to their COMMIT was lost", async () => {
  let losing = 1;
  await using lab = await openEventLab({
    lanes: 1,
    through: (lane) => ({
      async query(text, params, options) {
        const rows = await lane.query<never>(text, params, options);
        if (losing-- > 0) throw new DbError("transient", "the answer was lost", "", "");
        return rows;
      },
    }),
  });
  const project = await lab.newProject();
  const answers = await lab.ingest(project, [view("a", 1), view("a", 2), view("a", 1), "{"]);
  expect(answers.map(({ outcome }) => outcome)).toEqual([
    "processed",
    "processed",
    "duplicate",
    "rejected",
  ]);
  expect(answers[3]).toMatchObject({ repeatCount: 1, duplicate: false });
  expect(await lab.db.query(RECOUNT, [project])).toEqual([
    { ...NOTHING, events: 2, folding: 2, processed: 2, duplicate: 1, rejected: 1, kept: 1 },
  ]);
});

it("counts a refusal as often as it comes, and keeps it once", async () => {
  await using lab = await openEventLab();
  const project = await lab.newProject();
  const first = await lab.ingest(project, ["{", "{", "["]);
  expect(first.map(({ repeatCount }) => repeatCount)).toEqual([2, 2, 1]);
  const again = await lab.ingest(project, ["{"]);
  expect(again[0]).toMatchObject({ repeatCount: 3, duplicate: true });
  expect(first[0]).toMatchObject({ duplicate: false, rejectionId: again[0]?.rejectionId });
  const rows = await lab.db.query("SELECT 1 FROM rejections WHERE project_key = $1", [project]);
  expect(rows).toHaveLength(2);
});

it("fails the calls whose refusals find no room, and none that came with them", async () => {
  await using lab = await openEventLab({ lanes: 1 });
  const project = await lab.newProject(2_000);
  const broken = "{".padEnd(800);
  const calls = [
    lab.ingest(project, [view("a", 1), broken]),
    lab.ingest(project, [view("a", 2)]),
    lab.ingest(project, [view("a", 3), `${broken} `]),
    lab.ingest(project, [view("a", 4)]),
  ];
  const ended = await Promise.allSettled(calls);
  const failed = ended.filter(({ status }) => status === "rejected");
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatchObject({ reason: { constraint: "rejection_quota" } });
  expect([ended[1]?.status, ended[3]?.status]).toEqual(["fulfilled", "fulfilled"]);
  // Nothing of the failed call is stored.
  expect(await lab.db.query(RECOUNT, [project])).toEqual([
    { ...NOTHING, events: 3, folding: 3, processed: 3, rejected: 1, kept: 1 },
  ]);
});

it("stores nothing in a project that is gone", async () => {
  await using lab = await openEventLab();
  const project = await lab.newProject();
  await lab.db.query("UPDATE projects SET deleted_at = now() WHERE project_key = $1", [project]);
  await expect(lab.ingest(project, [view("a", 1), "{"])).rejects.toThrow(ProjectGone);
  expect(await lab.db.query(RECOUNT, [project])).toEqual([NOTHING]);
});

it("keeps apart what has a separator in it", async () => {
  await using lab = await openEventLab();
  const project = await lab.newProject();
  const named = (client: string, metric: string) =>
    JSON.stringify({ client, metric, amount: 1, ts: 1_700_000_000 });
  const answers = await lab.ingest(project, [
    named("a|b", "c"),
    named("a", "b|c"),
    named("a,b", "c"),
    named("ab", "c"),
    named("a", "bc"),
  ]);
  expect(new Set(answers.map(({ eventId }) => eventId)).size).toBe(5);
  expect(answers.every(({ outcome }) => outcome === "processed")).toBe(true);
});
