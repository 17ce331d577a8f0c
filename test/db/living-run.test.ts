import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunSchema } from "../../gen/tally/v1/run_pb.js";
import { Connection } from "../../src/db/client.js";
import { addPart, finishPart } from "../../src/db/run-parts.js";
import { closeRun } from "../../src/db/run-states.js";
import { insertRun, mergeRun } from "../../src/db/runs.js";
import { partFacts, partId } from "../../src/ingest/identity.js";
import { runFacts } from "../../src/ingest/run-facts.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";

let database: TestDatabase;
let db: Connection;
let runKey: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await insertProjects(db);
  runKey = (await open("run"))?.runKey ?? "";
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const facts = runFacts(create(RunSchema), Date.now() * 1000);
const one = partFacts(undefined);
const part = { ...one, partId: partId(one), streamed: false };
const other = { ...part, partId: Buffer.alloc(16) };
const unsaid = { status: null, finishUs: null, durationUs: null, expectedCount: null };
const open = (runId: string) => insertRun(db, "1", runId, "1", facts, part, Infinity);

it.each<[string, () => Promise<unknown>]>([
  ["a run", () => open(`another ${Math.random()}`)],
  ["facts", () => mergeRun(db, "1", "run", facts, Infinity)],
  ["a part", () => addPart(db, "1", runKey, other, Infinity)],
  ["the end of a part", () => finishPart(db, "1", runKey, part.partId, unsaid, Infinity)],
  ["its end", () => closeRun(db, "1", runKey, unsaid, Infinity)],
])("a deleted project takes %s no more", async (_, take) => {
  await db.query("UPDATE projects SET deleted_at = now()");
  expect(await take()).toBeNull();
  await db.query("UPDATE projects SET deleted_at = NULL");
  expect(await take()).not.toBeNull();
});
