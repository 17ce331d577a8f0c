import { expect, it } from "vitest";
import { createOrderedQueue } from "../../../src/rpc/ingest/ordered-queue.js";

it("gives results in the order in which the work began", async () => {
  const queue = createOrderedQueue<string>(4);
  let finishFirst: (value: string) => void = () => {};
  queue.push(
    new Promise((resolve) => {
      finishFirst = resolve;
    }),
  );
  queue.push(Promise.resolve("second"));
  queue.end();
  setTimeout(() => finishFirst("first"), 10);
  const results: string[] = [];
  for await (const result of queue) results.push(result);
  expect(results).toEqual(["first", "second"]);
});

it("holds the producer back while too much is under way", async () => {
  const queue = createOrderedQueue<number>(1);
  expect(await queue.room()).toBe(true);
  queue.push(Promise.resolve(1));
  let hasRoom = false;
  const room = queue.room().then((answer) => {
    hasRoom = answer;
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(hasRoom).toBe(false);
  await queue[Symbol.asyncIterator]().next();
  await room;
  expect(hasRoom).toBe(true);
});

it("throws a failure of the producer after the results of what began before", async () => {
  const queue = createOrderedQueue<number>(4);
  queue.push(Promise.resolve(1));
  queue.fail(new Error("cut"));
  const results: number[] = [];
  const read = async () => {
    for await (const result of queue) results.push(result);
  };
  await expect(read()).rejects.toThrow("cut");
  expect(results).toEqual([1]);
});

it("tells the producer when nobody takes results any more", async () => {
  const queue = createOrderedQueue<number>(1);
  queue.push(Promise.resolve(1));
  const room = queue.room();
  queue.stop();
  expect(await room).toBe(false);
});
