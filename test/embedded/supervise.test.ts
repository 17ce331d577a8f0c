import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Postmaster } from "../../src/embedded/postmaster.js";
import { supervise } from "../../src/embedded/supervise.js";

/** A run that has ended already. */
const ended = (pid: number): Postmaster => ({
  pid,
  ended: Promise.resolve(),
  stop: async () => {},
});

it("gives up after eight starts that fail, with the last one's reason", async () => {
  let starts = 0;
  const start = async () => {
    throw new Error(`failure ${++starts}`);
  };
  const supervision = supervise(ended(1), start, 1);
  expect(await supervision.exited).toEqual(new Error("failure 8"));
  expect(starts).toBe(8);
});

it("gives up on a postmaster that ends again and again", async () => {
  let pid = 1;
  const supervision = supervise(ended(1), async () => ended(++pid), 1);
  expect((await supervision.exited)?.message).toBe("the embedded PostgreSQL keeps ending");
  expect(supervision.pid).toBe(9);
});

it("stops at once while it waits for the next try", async () => {
  const supervision = supervise(ended(1), async () => ended(2), 3_600_000);
  // The wait begins a few turns later.
  await sleep(20);
  await supervision.stop();
  expect(await supervision.exited).toBeNull();
});

it("stops a postmaster that came up during the stop", async () => {
  const events = new EventEmitter();
  let stops = 0;
  const second: Postmaster = {
    pid: 2,
    ended: once(events, "ended").then(() => {}),
    stop: async () => {
      stops++;
      events.emit("ended");
    },
  };
  const starting = once(events, "starting");
  const start = async () => {
    const isUp = once(events, "up");
    events.emit("starting");
    await isUp;
    return second;
  };
  const supervision = supervise(ended(1), start, 1);
  await starting;
  const stopped = supervision.stop();
  events.emit("up");
  await stopped;
  expect(stops).toBe(1);
});
