import { expect, it } from "vitest";
import { createByteBudget } from "../../../src/byte-budget.js";
import { NO_FAULT } from "../../../src/events/faults.js";
import { limits } from "../../../src/limits.js";
import { eventDoor } from "../../../src/rpc/doors/event-door.js";
import type { EventIngestDeps } from "../../../src/rpc/events/event-deps.js";
import type { CallContext } from "../../../src/rpc/handler.js";

/** A door whose events have room for two bodies of 4 MiB and are never committed. */
function stalledDoor() {
  const budget = createByteBudget({
    maxBytes: 4 * limits.messageBytes,
    maxWaitMs: 60_000,
    verb: "holds",
  });
  return eventDoor({
    budget,
    resolveProject: () => ({ projectKey: "1", projectId: "prj_1" }),
    policies: { of: () => Promise.resolve("strict"), forget() {} },
    faults: { of: () => NO_FAULT },
    rates: { take() {} },
    writer: { write: () => new Promise(() => {}) },
    metrics: { statementRetries: { inc() {} } },
    now: Date.now,
    random: Math.random,
  } as unknown as EventIngestDeps);
}

it("reads no further body while those before it are not committed", async () => {
  const door = stalledDoor();
  const context = {
    principal: { kind: "project", tokenId: "t" },
    signal: new AbortController().signal,
    deadlineAt: Infinity,
  } as unknown as CallContext;
  let read = 0;
  async function* body() {
    read += 1;
    yield Buffer.alloc(limits.messageBytes, "x");
  }
  const request = () => ({
    query: new URLSearchParams(),
    headers: { "content-length": String(limits.messageBytes) },
    body: body(),
    makeRoom: async () => {},
  });
  for (let i = 0; i < 10; i += 1) void door.handle(request(), context);
  await expect.poll(() => read).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(read).toBe(2);
});
