import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../src/db/client.js";
import { readFoldQueueDepth } from "../src/db/fold-queue.js";
import { createQueueGauge, type QueueDepth } from "../src/queue-gauge.js";
import { createTestDatabase, type TestDatabase } from "./support/database.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it("tells how many batches wait to be folded, and for how long the oldest has", async () => {
  const gauge = createQueueGauge((deadlineAt) => readFoldQueueDepth(db, deadlineAt), Date.now);
  expect(await gauge()).toEqual({ depth: 0, ageSeconds: 0 });
  await db.run(`
    INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations, queued_at)
    SELECT i, 1, 1, '{}', '{}', '{}', now() - i * interval '1 minute' FROM generate_series(1, 3) i`);
  const { depth, ageSeconds } = await createQueueGauge(
    (deadlineAt) => readFoldQueueDepth(db, deadlineAt),
    Date.now,
  )();
  expect(depth).toBe(3);
  expect(ageSeconds).toBeGreaterThanOrEqual(179);
  expect(ageSeconds).toBeLessThan(240);
});

it("asks at most once a second, and keeps what it knew while there is no answer", async () => {
  const answers: (QueueDepth | Error)[] = [
    { depth: 2, oldestUs: 1_000_000 },
    new Error("away"),
    { depth: 1, oldestUs: null },
  ];
  let asked = 0;
  let nowMs = 2_000;
  const gauge = createQueueGauge(
    async () => {
      const answer = answers[asked++];
      if (answer === undefined || answer instanceof Error) throw answer;
      return answer;
    },
    () => nowMs,
  );
  expect(await gauge()).toEqual({ depth: 2, ageSeconds: 1 });
  nowMs += 999;
  expect(await gauge()).toEqual({ depth: 2, ageSeconds: 1.999 });
  expect(asked).toBe(1);
  nowMs += 1;
  expect(await gauge()).toEqual({ depth: 2, ageSeconds: 2 });
  expect(asked).toBe(2);
  nowMs += 1_000;
  expect(await gauge()).toEqual({ depth: 1, ageSeconds: 0 });
});
