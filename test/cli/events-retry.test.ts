import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { keepRejections } from "../support/kept-rejections.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { newProject } from "./new-project.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A project with refused events: two of `ci` that LENIENT would take, and one of `web` that nobody takes. */
async function withRefusals() {
  const project = await newProject(server, db);
  const events = [
    '{"source":"ci","type":"a"}',
    '{"source":"ci","type":"b"}',
    '{"source":"web","type":"c","amount":"much","timestamp":1700000000}',
  ];
  expect((await project.tally(["events", "send", "-"], `[${events.join(",")}]`)).code).toBe(1);
  const failed = async (...options: string[]) => {
    const answer = await project.answer("events", "failed", ...options);
    return (answer["rejections"] ?? []) as { rejectionId: string; client: string; state: string }[];
  };
  return { ...project, failed };
}

describe("tally events failed", () => {
  it("lists as many as it was asked for, also where pages end at their bytes", async () => {
    const { projectId, failed } = await withRefusals();
    await keepRejections(db, { projectId, client: "large" }, 5, { bytes: 2 ** 20 });
    for (const limit of [8, 7]) {
      const ids = (await failed("--limit", `${limit}`)).map(({ rejectionId }) => rejectionId);
      expect([ids.length, new Set(ids).size]).toEqual([limit, limit]);
    }
  });

  it("lists refused events with their client and reasons", async () => {
    const { tally, failed } = await withRefusals();
    expect((await failed()).map(({ client }) => client).sort()).toEqual(["ci", "ci", "web"]);
    const { stdout } = await tally(["events", "failed", "--client", "web"]);
    const [head = "", row = "", ...more] = stdout.trimEnd().split("\n");
    expect(head.split(/\s+/)).toEqual([
      "rejection_id",
      "reason",
      "state",
      "client",
      "times",
      "last",
      "why",
    ]);
    expect(row).toMatch(
      /^[0-9a-f]{32} +INVALID +OPEN +web +1 +\S+ +amount "much" is not a number$/,
    );
    expect(more).toEqual([]);
  });

  it("leaves refused results out", async () => {
    const { tally, failed } = await withRefusals();
    expect((await tally(["upload", "-"], "<testsuite><testcase/></testsuite>")).code).toBe(1);
    expect(await failed()).toHaveLength(3);
  });
});

describe("tally events retry", () => {
  it("sends refused events again by their ids", async () => {
    const { tally, failed, stored, beLenient } = await withRefusals();
    const [{ rejectionId = "" } = {}] = await failed("--client", "ci");
    const before = await tally(["events", "retry", rejectionId]);
    expect(before.code).toBe(1);
    expect(before.stdout).toMatch(
      /REJECTED +occurred_at is required .*\n\n1 event sent again, 1 REJECTED\n$/,
    );
    await beLenient();
    const after = await tally(["events", "retry", rejectionId]);
    expect(after.code).toBe(0);
    expect(after.stdout).toContain("1 event sent again, 1 ACCEPTED");
    expect(await stored()).toHaveLength(1);
    expect(await failed()).toHaveLength(2);
    const unknown = await tally(["events", "retry", rejectionId, "f".repeat(32)]);
    expect(unknown.code).toBe(1);
    expect(unknown.stdout).toContain("1 ALREADY_CLOSED, 1 NOT_FOUND");
  });

  it("sends all of them with --all, and lists what is refused again", async () => {
    const { tally, failed, stored, beLenient } = await withRefusals();
    await beLenient();
    const { code, stdout } = await tally(["events", "retry", "--all", "--json"]);
    expect(code).toBe(1);
    const [left, ...others] = await failed();
    expect(others).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({
      validateOnly: false,
      retriedCount: 3,
      counts: { ACCEPTED: 2, REJECTED: 1 },
      results: [{ rejectionId: left?.rejectionId, outcome: "REJECTED" }],
    });
    expect(await stored()).toHaveLength(2);
    expect((await failed("--all")).map(({ state }) => state).sort()).toEqual([
      "REJECTION_STATE_OPEN",
      "REJECTION_STATE_RESOLVED",
      "REJECTION_STATE_RESOLVED",
    ]);
  });

  it("begins with the oldest", async () => {
    const { tally, failed } = await withRefusals();
    const newestFirst = (await failed()).map(({ rejectionId }) => rejectionId);
    const { results } = JSON.parse((await tally(["events", "retry", "--all", "--json"])).stdout);
    expect(results.map((each: { rejectionId: string }) => each.rejectionId)).toEqual(
      newestFirst.toReversed(),
    );
  });

  it("goes through more of them than a page holds", async () => {
    const { tally, stored, beLenient } = await newProject(server, db);
    const events = Array.from({ length: 1_100 }, (_, i) => `{"source":"ci","type":"t${i}"}`);
    await tally(["events", "send", "-"], `[${events.join(",")}]`);
    await beLenient();
    const { stdout } = await tally(["events", "retry", "--all"]);
    expect(stdout).toBe("1100 events sent again, 1100 ACCEPTED\n");
    expect(await stored()).toHaveLength(1_100);
  });

  it("changes nothing with --dry-run", async () => {
    const { tally, failed, stored, beLenient } = await withRefusals();
    await beLenient();
    const { code, stdout } = await tally([
      "events",
      "retry",
      "--all",
      "--client",
      "ci",
      "--dry-run",
    ]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "2 events judged, nothing stored, 2 ACCEPTED\n",
    });
    expect(await stored()).toEqual([]);
    expect(await failed()).toHaveLength(3);
  });
});
