import { afterAll, beforeAll, expect, it } from "vitest";
import type { CallContext } from "../../../src/rpc/handler.js";
import { whileUnchanged } from "../../../src/rpc/stats/while-unchanged.js";
import { startOfToday } from "../../support/start-of-today.js";
import { StatsLab } from "./lab.js";

const TODAY_US = await startOfToday();
const LIST = { projectId: "", pageSize: 0, pageToken: "" };
const context = { deadlineAt: Infinity } as CallContext;

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Of a project of the lab; answers how often it had to make an answer. */
async function createCounter() {
  const [project] = await lab.db.query<{ key: string }>(
    "SELECT project_key::text AS key FROM projects ORDER BY project_key LIMIT 1",
  );
  const clock = { ms: 0 };
  const counter = { made: 0 };
  const resolveProject = (projectId: string) => ({
    projectId,
    projectKey: projectId === "" ? (project?.key ?? "") : "0",
  });
  const answer = whileUnchanged(
    { db: lab.db, resolveProject },
    async () => ++counter.made,
    ({ pageToken }: typeof LIST) => pageToken !== "of a run",
    () => clock.ms,
  );
  return { clock, answer: (request = LIST) => answer(request, context) };
}

async function fold(runId: string): Promise<void> {
  await lab.upload({ runId, startUs: TODAY_US, results: [{ name: "a" }] });
  await lab.settle();
}

it("keeps an answer until more is folded", async () => {
  await fold("first");
  const { answer } = await createCounter();
  expect([await answer(), await answer()]).toEqual([1, 1]);
  await fold("second");
  expect([await answer(), await answer()]).toEqual([2, 2]);
});

it("keeps it for half a minute", async () => {
  const { clock, answer } = await createCounter();
  await answer();
  clock.ms = 29_999;
  expect(await answer()).toBe(1);
  clock.ms = 30_000;
  expect(await answer()).toBe(2);
});

it("keeps it for this request and project alone", async () => {
  const { answer } = await createCounter();
  await answer();
  expect(await answer({ ...LIST, pageToken: "next" })).toBe(2);
  expect(await answer({ ...LIST, projectId: "prj_other" })).toBe(3);
  expect(await answer()).toBe(1);
});

it("keeps no large page", async () => {
  const { answer } = await createCounter();
  const large = { ...LIST, pageSize: 101 };
  expect([await answer(large), await answer(large)]).toEqual([1, 2]);
});

it("keeps nothing that other than figures make", async () => {
  const { answer } = await createCounter();
  const ofRun = { ...LIST, pageToken: "of a run" };
  expect([await answer(ofRun), await answer(ofRun)]).toEqual([1, 2]);
});

it("makes one answer for those who ask at once", async () => {
  const { answer } = await createCounter();
  expect(await Promise.all([answer(), answer(), answer()])).toEqual([1, 1, 1]);
});

it("keeps no error", async () => {
  const resolveProject = () => ({ projectId: "", projectKey: "0" });
  const outcomes = [() => Promise.reject(new Error("no")), async () => "yes"];
  const answer = whileUnchanged({ db: lab.db, resolveProject }, async () => outcomes.shift()?.());
  await expect(answer(LIST, context)).rejects.toThrow("no");
  expect(await answer(LIST, context)).toBe("yes");
});

it("ends no call with the error of another", async () => {
  const resolveProject = () => ({ projectId: "", projectKey: "0" });
  const outcomes = [() => Promise.reject(new Error("no")), async () => "yes"];
  const answer = whileUnchanged({ db: lab.db, resolveProject }, async () => outcomes.shift()?.());
  const calls = await Promise.allSettled([answer(LIST, context), answer(LIST, context)]);
  expect(calls.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});
