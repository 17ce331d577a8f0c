import { expect, it } from "vitest";
import { createByteBudget } from "../../../src/byte-budget.js";
import type { CallContext } from "../../../src/rpc/handler.js";
import { openRoom } from "../../../src/rpc/ingest/message-room.js";

/** A call whose messages are made by a door: nothing is decoded. */
const context = { beforeDecoding() {} } as unknown as CallContext;
const project = { projectId: "p", projectKey: "1" };

it("makes a message that was not decoded wait for its room", async () => {
  const budget = createByteBudget({ maxBytes: 200, maxWaitMs: 60_000, verb: "holds" });
  const room = openRoom({ budget }, project, context);
  const first = await room.handOver(70);
  let isThere = false;
  const second = room.handOver(70).then((release) => {
    isThere = true;
    return release;
  });
  await new Promise(setImmediate);
  expect({ isThere, used: budget.used }).toEqual({ isThere: false, used: 70 });
  first();
  (await second)();
  expect(budget.used).toBe(0);
  room.close();
});
