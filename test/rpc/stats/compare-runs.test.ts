import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pick, type Random, seededRandom } from "../../../bench/random.js";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import type { CompareRunsResponse } from "../../../gen/tally/v1/stats_service_pb.js";
import {
  errorMetadata,
  errorReason,
  fieldViolations,
  type TallyClient,
} from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { isSlower } from "../../../src/stats/slower.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { settle } from "../../support/settle.js";

const { PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED } = Status;

let server: TestServer;
let other: TestServer;
let client: TallyClient;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
  client = server.client(server.allToken);
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A result: its test, status, milliseconds; where it was tried. */
interface Sent {
  readonly name: string;
  readonly status: Status;
  readonly ms?: number;
  readonly job?: string;
  readonly partAttempt?: number;
  readonly attempt?: number;
  readonly repeatIndex?: number;
}

async function send(runId: string, results: readonly Sent[]): Promise<void> {
  const parts = new Map<string, Sent[]>();
  for (const result of results) {
    const key = JSON.stringify([result.job ?? "", result.partAttempt ?? 1]);
    parts.set(key, [...(parts.get(key) ?? []), result]);
  }
  for (const [key, of] of parts) {
    const [job, attempt] = JSON.parse(key);
    await client.ingest.ingestRun({
      run: { runId },
      part: { job, attempt },
      results: of.map(({ name, status, ms, ...tried }) => ({
        test: { file: `f${name.length}`, name },
        status,
        attempt: tried.attempt ?? 1,
        repeatIndex: tried.repeatIndex ?? 0,
        ...(ms === undefined ? {} : { duration: durationFromMs(ms) }),
        ...(status === FAILED ? { failure: { message: `${runId}: ${name} failed` } } : {}),
      })),
    });
  }
}

const KINDS = ["newlyFailing", "fixed", "stillFailing", "added", "missing", "slower"] as const;
type Kind = (typeof KINDS)[number];

const namesOf = (answer: CompareRunsResponse) =>
  Object.fromEntries(
    KINDS.map((kind) => [kind, (answer[kind]?.changes ?? []).map(({ test }) => test?.name)]),
  ) as Record<Kind, string[]>;
const none = { newlyFailing: [], fixed: [], stillFailing: [], added: [], missing: [], slower: [] };
const compare = (baseRunId: string, headRunId: string, listSize = 0) =>
  client.stats.compareRuns({ baseRunId, headRunId, listSize });

/** One test with these results in base and in head. */
async function change(name: string, base: Omit<Sent, "name">[], head: Omit<Sent, "name">[]) {
  await send(`${name} base`, [
    { name: "same", status: PASSED },
    ...base.map((r) => ({ name, ...r })),
  ]);
  await send(`${name} head`, [
    { name: "same", status: PASSED },
    ...head.map((r) => ({ name, ...r })),
  ]);
  const answer = await compare(`${name} base`, `${name} head`);
  const kinds = Object.entries(namesOf(answer)).filter(([, names]) => names.length > 0);
  return kinds.map(([kind]) => kind).join();
}
let drawn = 0;
const unique = () => `test ${drawn++}`;

describe("a test", () => {
  const table: [Status, Status, string][] = [
    [PASSED, FAILED, "newlyFailing"],
    [SKIPPED, ERRORED, "newlyFailing"],
    [PRECLUDED, FAILED, "newlyFailing"],
    [FAILED, PASSED, "fixed"],
    [ERRORED, PASSED, "fixed"],
    [FAILED, ERRORED, "stillFailing"],
    [ERRORED, FAILED, "stillFailing"],
    [FAILED, SKIPPED, ""],
    [FAILED, PRECLUDED, ""],
    [PASSED, PASSED, ""],
    [PASSED, SKIPPED, ""],
    [SKIPPED, PASSED, ""],
  ];
  it.each(table)("that went from status %i to %i is told as %s", async (before, after, kind) => {
    expect(await change(unique(), [{ status: before }], [{ status: after }])).toBe(kind);
  });

  it.each<[string, Omit<Sent, "name">[], string]>([
    ["the last attempt", [{ status: FAILED }, { status: PASSED, attempt: 2 }], ""],
    [
      "the last attempt, failing",
      [{ status: PASSED }, { status: FAILED, attempt: 2 }],
      "newlyFailing",
    ],
    [
      "the last attempt of the part before that of the result",
      [
        { status: FAILED, attempt: 3 },
        { status: PASSED, partAttempt: 2 },
      ],
      "",
    ],
    [
      "the worst of repeats",
      [{ status: PASSED }, { status: FAILED, repeatIndex: 1 }, { status: SKIPPED, repeatIndex: 2 }],
      "newlyFailing",
    ],
    [
      "a repeat that failed and was not tried again",
      [
        { status: FAILED },
        { status: FAILED, repeatIndex: 1 },
        { status: PASSED, repeatIndex: 1, attempt: 2 },
      ],
      "newlyFailing",
    ],
    [
      "no failure after which as many attempts passed",
      [
        { status: FAILED },
        { status: ERRORED, repeatIndex: 1 },
        { status: PASSED, attempt: 2 },
        { status: FAILED, repeatIndex: 1, attempt: 2 },
        { status: PASSED, repeatIndex: 1, attempt: 3 },
      ],
      "",
    ],
    [
      "a failure that was skipped when it was tried again",
      [{ status: FAILED }, { status: SKIPPED, attempt: 2 }],
      "newlyFailing",
    ],
    [
      "no failure of an earlier attempt of the part",
      [{ status: FAILED }, { status: FAILED, repeatIndex: 1 }, { status: PASSED, partAttempt: 2 }],
      "",
    ],
    [
      "a failure of one job, though another passed later",
      [
        { status: FAILED, job: "a" },
        { status: PASSED, job: "b", attempt: 2 },
      ],
      "newlyFailing",
    ],
    [
      "the worst over jobs",
      [
        { status: PASSED, job: "a", attempt: 5 },
        { status: ERRORED, job: "b" },
      ],
      "newlyFailing",
    ],
    [
      "each job by its own last attempt",
      [
        { status: FAILED, job: "a" },
        { status: PASSED, job: "a", attempt: 2 },
        { status: PASSED, job: "b" },
      ],
      "",
    ],
  ])("has as outcome %s", async (_, head, kind) => {
    expect(await change(unique(), [{ status: PASSED }], head)).toBe(kind);
  });

  it("that is new or gone is told so, whatever its status", async () => {
    await send("grown base", [
      { name: "stays", status: PASSED },
      { name: "goes", status: FAILED },
    ]);
    await send("grown head", [
      { name: "stays", status: PASSED },
      { name: "comes", status: FAILED },
      { name: "comes too", status: PASSED },
    ]);
    const answer = await compare("grown base", "grown head");
    expect(namesOf(answer)).toEqual({ ...none, added: ["comes", "comes too"], missing: ["goes"] });
    expect(answer).toMatchObject({
      added: { count: 2n },
      missing: { count: 1n },
      addedFailingCount: 1n,
    });
    const [added] = answer.added?.changes ?? [];
    expect(added).toMatchObject({
      baseStatus: Status.UNSPECIFIED,
      headStatus: FAILED,
      failureMessage: "grown head: comes failed",
    });
  });
});

describe("of results drawn at random", () => {
  const seeds = [1, 2, 3, 4, 5, 6];
  const drawn = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  it.each(seeds)("every test is judged by those that decide, %i", async (seed) => {
    const random = seededRandom(seed);
    const drawnRun = () => drawResults(random, `random ${seed}`);
    const [base, head] = [drawnRun(), drawnRun()];
    await send(`random ${seed} base`, base);
    await send(`random ${seed} head`, head);
    const expected = Object.fromEntries(KINDS.map((kind) => [kind, [] as string[]]));
    for (const name of new Set([...base, ...head].map((each) => each.name))) {
      const kind = kindOf(outcomeOf(base, name), outcomeOf(head, name));
      if (kind !== null) expected[kind]?.push(name);
    }
    const found = namesOf(await compare(`random ${seed} base`, `random ${seed} head`, 1000));
    for (const kind of KINDS) expect(found[kind].sort(), kind).toEqual(expected[kind]?.sort());
    for (const kind of KINDS) drawn[kind] += found[kind].length;
  });

  it("every kind of change was among them", () => {
    for (const kind of KINDS) expect(drawn[kind], kind).toBeGreaterThan(2 * seeds.length);
  });
});

/** Of each of 300 tests up to 16 results, which is less than a percentile is of: most of them passed. */
function drawResults(random: Random, prefix: string): Sent[] {
  const any = <T>(of: readonly [T, ...T[]]) => pick(random, of);
  const results: Sent[] = [];
  for (let i = 0; i < 300; i++) {
    const statuses = any([[PASSED], [PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED]] as const);
    for (const job of ["one", "two"].slice(0, any([0, 1, 2]))) {
      for (const partAttempt of [1, 2].slice(0, any([1, 1, 2]))) {
        for (const repeatIndex of [0, 1].slice(0, any([1, 2]))) {
          const ms = any([undefined, 0, 50, 100, 150, 200, 400]);
          const [name, attempt] = [`${prefix} ${i}`, any([1, 1, 2, 3])];
          const where = { name, job, partAttempt, attempt, repeatIndex };
          results.push({ ...where, status: any(statuses), ...(ms === undefined ? {} : { ms }) });
        }
      }
    }
  }
  return results;
}

type Outcome = Pick<Sent, "status" | "ms">;
const isFailing = ({ status }: Outcome) => status === FAILED || status === ERRORED;

/** The rule of the contract, in plain words. */
function outcomeOf(run: readonly Sent[], name: string): Outcome | null {
  const deciding = ["one", "two"].flatMap((job) => {
    const all = run.filter((each) => each.name === name && each.job === job);
    const lastPart = Math.max(...all.map((each) => each.partAttempt ?? 1));
    const tried = all.filter((each) => each.partAttempt === lastPart);
    const last = Math.max(...tried.map((each) => each.attempt ?? 1));
    return tried.filter(({ attempt = 1, ...each }) => {
      if (attempt === last) return true;
      const failures = tried.filter((other) => other.attempt === attempt && isFailing(other));
      const passed = tried.filter(
        ({ attempt: of = 1, status }) => of > attempt && status === PASSED,
      );
      return isFailing(each) && failures.length > passed.length;
    });
  });
  const badness = [PRECLUDED, SKIPPED, PASSED, FAILED, ERRORED];
  const worst = ({ status, ms = -1 }: Outcome) => badness.indexOf(status) * 1e6 + ms;
  return deciding.sort((a, b) => worst(b) - worst(a))[0] ?? null;
}

function kindOf(base: Outcome | null, head: Outcome | null): Kind | null {
  if (base === null || head === null) return base === null ? "added" : "missing";
  if (isFailing(head)) return isFailing(base) ? "stillFailing" : "newlyFailing";
  if (head.status !== PASSED) return null;
  if (isFailing(base)) return "fixed";
  if (base.status !== PASSED || base.ms === undefined || head.ms === undefined) return null;
  const facts = { baseUs: base.ms * 1000, headUs: head.ms * 1000, p95Us: null, samples: 0 };
  return isSlower(facts) ? "slower" : null;
}

describe("a slower test", () => {
  /** Durations in base and head, and what is known of the last 30 days. */
  const cases = [0, 1, 99, 100, 150, 199, 200, 250, 299, 300, 450, 1000].flatMap((base) =>
    [0, 99, 100, 149, 150, 199, 200, 300, 301, 375, 449, 450, 2000].flatMap((head) =>
      [
        { p95: 0, samples: 0 },
        { p95: 0, samples: 50 },
        { p95: 300, samples: 19 },
        { p95: 300, samples: 20 },
        { p95: head, samples: 20 },
        { p95: Math.max(1, head - 1), samples: 50 },
      ].map((known) => ({ base, head, ...known })),
    ),
  );

  it("is the one that isSlower means", async () => {
    const sentOf = (of: "base" | "head") =>
      cases.map((each, i) => ({ name: `slow ${i}`, status: PASSED, ms: each[of] }));
    await send("slow base", sentOf("base"));
    await send("slow head", sentOf("head"));
    // What is folded later would add to it.
    await settle(server.databaseUrl);
    await db.query(WINDOWS, [
      `{${cases.map(({ p95 }) => p95 * 1000).join()}}`,
      `{${cases.map(({ samples }) => samples).join()}}`,
    ]);
    const answer = await compare("slow base", "slow head", 1000);
    const expected = cases.flatMap(({ base, head, p95, samples }, i) => {
      const p95Us = p95 === 0 ? null : p95 * 1000;
      const facts = { baseUs: base * 1000, headUs: head * 1000, p95Us, samples };
      return isSlower(facts) ? [`slow ${i}`] : [];
    });
    expect(expected.length).toBeGreaterThan(50);
    expect(expected.length).toBeLessThan(cases.length / 2);
    const found = namesOf(answer);
    expect(found.slower.sort()).toEqual(expected.sort());
    expect({ ...found, slower: [] }).toEqual(none);
    expect(answer.slower?.count).toBe(BigInt(expected.length));
  });

  it("has a duration in both runs, and passed in both", async () => {
    const fast = { status: PASSED, ms: 10 };
    expect(await change(unique(), [fast], [{ status: PASSED, ms: 900 }])).toBe("slower");
    expect(await change(unique(), [fast], [{ status: PASSED }])).toBe("");
    expect(await change(unique(), [{ status: PASSED }], [{ status: PASSED, ms: 900 }])).toBe("");
    expect(await change(unique(), [fast], [{ status: FAILED, ms: 900 }])).toBe("newlyFailing");
    expect(
      await change(unique(), [{ ...fast, status: SKIPPED }], [{ status: PASSED, ms: 900 }]),
    ).toBe("");
  });

  it("shows the durations of the results that decide: of equal ones, the longest", async () => {
    const name = unique();
    const kind = await change(
      name,
      [
        { status: PASSED, ms: 10 },
        { status: PASSED, ms: 20, repeatIndex: 1 },
      ],
      [
        { status: FAILED, ms: 5000 },
        { status: PASSED, ms: 700, attempt: 2 },
      ],
    );
    expect(kind).toBe("slower");
    const { slower } = await compare(`${name} base`, `${name} head`);
    expect(slower?.changes).toMatchObject([
      { baseDuration: { nanos: 20_000_000 }, headDuration: { nanos: 700_000_000 } },
    ]);
  });
});

/** What the fold knows of the tests `slow …`. */
const WINDOWS = `
INSERT INTO test_windows (
  project_key, test_key, last_run_key, last_counted_at, duration_us_1, duration_us_7, duration_us_30,
  duration_us_90, p95_us_1, p95_us_7, p95_us_30, p95_us_90, day, passed_1, passed_7, passed_30, passed_90,
  failed_1, failed_7, failed_30, failed_90, errored_1, errored_7, errored_30, errored_90, skipped_1, skipped_7,
  skipped_30, skipped_90, precluded_1, precluded_7, precluded_30, precluded_90, flaky_1, flaky_7, flaky_30,
  flaky_90, last_status, durations_7, durations_30, durations_90, recent
)
SELECT
  project_key, test_key, 1, now(), 0, 0, 0, 0, 0, 0, p95, 0, now()::date, 0, 0, samples - samples / 2, 0,
  0, 0, samples / 4, 0, 0, 0, samples / 2 - samples / 4, 0, 0, 0,
  90, 0, 0, 0, 90, 0, 0, 0, 0, 0, 1, '', '', '', ''
FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY AS known(p95, samples, ord)
JOIN tests ON name = 'slow ' || ord - 1
ON CONFLICT (project_key, test_key) DO UPDATE SET
  p95_us_30 = EXCLUDED.p95_us_30, passed_30 = EXCLUDED.passed_30, failed_30 = EXCLUDED.failed_30,
  errored_30 = EXCLUDED.errored_30`;

describe("CompareRuns", () => {
  it("answers both runs, and the changes in the order of their tests", async () => {
    const names = ["b", "a", "ccc", "aa", "Z", "ab"];
    await send("order base", [{ name: "x", status: PASSED }]);
    await send(
      "order head",
      names.map((name) => ({ name, status: FAILED })),
    );
    const answer = await compare("order base", "order head");
    expect(answer.base).toEqual((await client.stats.getRun({ runId: "order base" })).run);
    expect(answer.head).toEqual((await client.stats.getRun({ runId: "order head" })).run);
    expect(answer.head?.state).toBe(RunState.RUNNING);
    // By file, which is the length of the name here, then by name.
    expect(namesOf(answer).added).toEqual(["Z", "a", "b", "aa", "ab", "ccc"]);
    const short = await compare("order base", "order head", 2);
    expect(namesOf(short).added).toEqual(["Z", "a"]);
    expect(short.added?.count).toBe(6n);
    expect(short.addedFailingCount).toBe(6n);
  });

  it("finds no change from a run to itself", async () => {
    await send("itself", [
      { name: "a", status: PASSED, ms: 1 },
      { name: "b", status: FAILED },
    ]);
    const answer = await compare("itself", "itself");
    expect(namesOf(answer)).toEqual({ ...none, stillFailing: ["b"] });
  });

  it("compares with an empty run", async () => {
    await client.ingest.ingestRun({ run: { runId: "empty" } });
    await send("some", [{ name: "a", status: PASSED }]);
    expect(namesOf(await compare("empty", "some"))).toEqual({ ...none, added: ["a"] });
    expect(namesOf(await compare("some", "empty"))).toEqual({ ...none, missing: ["a"] });
    expect(namesOf(await compare("empty", "empty"))).toEqual(none);
  });

  it("cuts a list at 512 KiB of texts, and counts all", async () => {
    const message = "m".repeat(3000);
    const results = Array.from({ length: 700 }, (_, i) => ({
      test: { name: `${i}`, suite: "s".repeat(1000) },
      status: FAILED,
      failure: { message },
    }));
    await client.ingest.ingestRun({ run: { runId: "long" }, results });
    const { added } = await compare("empty", "long", 1000);
    expect(added?.count).toBe(700n);
    expect(added?.changes.length).toBeGreaterThan(200);
    expect(added?.changes.length).toBeLessThan(300);
    expect(added?.changes[0]?.failureMessage).toBe("m".repeat(1024));
  });

  it.each([
    [["base_run_id", "head_run_id"], {}],
    [["head_run_id"], { baseRunId: "a", headRunId: " " }],
    [["base_run_id"], { baseRunId: "x".repeat(257), headRunId: "a" }],
    [["list_size"], { baseRunId: "a", headRunId: "a", listSize: -1 }],
  ])("refuses %s", async (fields, request) => {
    const error = await failure(client.stats.compareRuns(request));
    expect(fieldViolations(error).map(({ field }) => field)).toEqual(fields);
  });

  it("says which run is not there, or is another project's", async () => {
    await send("here", [{ name: "a", status: PASSED }]);
    const fieldOf = async (baseRunId: string, headRunId: string, of = client) => {
      const error = await failure(of.stats.compareRuns({ baseRunId, headRunId }));
      expect(errorReason(error)).toBe("RUN_NOT_FOUND");
      expect(error.rawMessage).toContain(`${errorMetadata(error)["field"]}: run`);
      return errorMetadata(error)["field"];
    };
    expect(await fieldOf("none", "here")).toBe("base_run_id");
    expect(await fieldOf("here", "none")).toBe("head_run_id");
    expect(await fieldOf("here", "here", other.client(other.allToken))).toBe("base_run_id");
  });
});
