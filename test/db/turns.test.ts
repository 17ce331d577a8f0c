import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createTurns, type Turns } from "../../src/db/turns.js";
import { createEmptyDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

/** As a server has them. */
function open(): Turns {
  const turns = createTurns({ url: database.url });
  onTestFinished(() => turns[Symbol.asyncDispose]());
  return turns;
}
const soon = () => Date.now() + 20_000;

it("gives each name to one at a time, of this server and of others", async () => {
  const servers = [open(), open(), open()];
  let holders = 0;
  const seen: number[] = [];
  const work = async (turns: Turns) => {
    await using _turn = await turns.take("a", soon());
    seen.push(++holders);
    await sleep(5);
    holders--;
  };
  await Promise.all(servers.flatMap((turns) => [work(turns), work(turns), work(turns)]));
  expect(seen).toEqual(Array.from({ length: 9 }, () => 1));
});

it("lets other names pass, and gives up at the deadline", async () => {
  const [one, other] = [open(), open()];
  await using _turn = await one.take("a", soon());
  await using _another = await one.take("b", soon());
  for (const turns of [one, other]) {
    await expect(turns.take("a", Date.now() + 100)).rejects.toMatchObject({ kind: "timeout" });
  }
});

it("gives a turn back also where too many wait for theirs", async () => {
  const [one, other] = [open(), open()];
  const turn = await one.take("a", soon());
  // As many as may wait for the connection, and the one that has it.
  const crowd = Array.from({ length: 201 }, (_, i) => one.take(`of the crowd: ${i}`, soon()));
  await turn[Symbol.asyncDispose]();
  await Promise.all(crowd);
  await using _turn = await other.take("a", soon());
});

it("ends the turns of a server that is gone", async () => {
  const [one, other] = [open(), open()];
  await one.take("a", soon());
  await one[Symbol.asyncDispose]();
  await using _turn = await other.take("a", soon());
});
