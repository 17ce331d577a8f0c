/** What refused results that failed do to the status of their part and run. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState, Status, type TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import type { TallyClient } from "../../../src/client/index.js";
import { startTestServer, type TestServer } from "../../support/server.js";

const { PASSED, FAILED, ERRORED, SKIPPED } = Status;

let server: TestServer;
let client: TallyClient;
beforeAll(async () => {
  server = await startTestServer();
  client = server.client(server.allToken);
});
afterAll(() => server[Symbol.asyncDispose]());

interface Try {
  readonly status: Status;
  readonly attempt?: number;
  readonly repeatIndex?: number;
  /** In whole milliseconds: another one makes a conflict of a repeat. */
  readonly ms?: number;
  readonly name?: string;
}

const resultOf = ({ ms = 0, name = "tried", ...facts }: Try) => ({
  test: { name },
  duration: { nanos: ms * 1e6 },
  ...facts,
});

let drawn = 0;
const newRun = () => {
  drawn += 1;
  return `run ${drawn}`;
};

/** One process of a job, whose results have the ids of any other's. */
const send = (
  runId: string,
  producer: string,
  results: MessageInitShape<typeof TestResultSchema>[],
) => client.ingest.ingestRun({ run: { runId }, part: { job: "unit", producer }, results });

async function statusOf(runId: string): Promise<Status | undefined> {
  const { run } = await client.stats.getRun({ runId });
  const { runs } = await client.stats.listRuns({});
  expect(runs.find((each) => each.runId === runId)?.status).toBe(run?.status);
  return run?.status;
}

const dismiss = (runId: string) => client.rejections.dismissRejections({ filter: { runId } });

it("takes a failure with the pass of its later attempt, though that one is refused", async () => {
  const runId = newRun();
  const later = { ...resultOf({ status: PASSED, attempt: 2 }), tags: { "": "no name" } };
  await send(runId, "one", [resultOf({ status: FAILED }), later]);
  expect(await statusOf(runId)).toBe(PASSED);
  // A further failure that was made good makes none of the others good.
  const other = [{ status: PASSED }, { status: PASSED, attempt: 2 }, { status: FAILED }];
  await send(
    runId,
    "one",
    other.map((each) => resultOf({ ...each, name: "other" })),
  );
  await client.ingest.finishRun({ runId });
  expect(await statusOf(runId)).toBe(PASSED);
  await dismiss(runId);
  expect(await statusOf(runId)).toBe(FAILED);
});

describe("a run that stored nothing but passes", () => {
  it.each<[string, Try[], Try[], Status]>([
    ["a conflict that failed", [{ status: PASSED }], [{ status: FAILED }], FAILED],
    ["a conflict that errored", [{ status: PASSED }], [{ status: ERRORED }], ERRORED],
    ["a conflict that passed", [{ status: PASSED }], [{ status: PASSED, ms: 2 }], PASSED],
    ["a conflict that was skipped", [{ status: PASSED }], [{ status: SKIPPED }], PASSED],
    [
      "a conflict whose later attempt passed",
      [{ status: PASSED }],
      [{ status: FAILED }, { status: PASSED, attempt: 2 }],
      PASSED,
    ],
    [
      "a conflict whose later attempt is a conflict that passed",
      [{ status: PASSED }, { status: PASSED, attempt: 2 }],
      [{ status: FAILED }, { status: PASSED, attempt: 2, ms: 2 }],
      PASSED,
    ],
    [
      "a conflict of which one repeat passed later",
      [{ status: PASSED }, { status: PASSED, repeatIndex: 1 }],
      [
        { status: FAILED },
        { status: FAILED, repeatIndex: 1 },
        { status: PASSED, attempt: 2, repeatIndex: 1 },
      ],
      FAILED,
    ],
    [
      "a conflict, and another test that passed later",
      [{ status: PASSED }],
      [{ status: FAILED }, { status: PASSED, attempt: 2, name: "other" }],
      FAILED,
    ],
    [
      "a refused failure of a test that is not known",
      [{ status: PASSED }],
      [
        { status: FAILED, name: "" },
        { status: PASSED, attempt: 2 },
      ],
      FAILED,
    ],
    [
      "a refused result without a status",
      [{ status: PASSED }],
      [{ status: Status.UNSPECIFIED, attempt: 2 }],
      PASSED,
    ],
  ])("is judged with %s", async (_, stored, refused, status) => {
    const runId = newRun();
    await send(runId, "one", stored.map(resultOf));
    await send(runId, "two", refused.map(resultOf));
    expect(await statusOf(runId)).toBe(status);
    await client.ingest.finishRun({ runId });
    expect(await statusOf(runId)).toBe(status);
  });

  it.each<[string, Try[], Status]>([
    ["a copy of its failure", [{ status: ERRORED, ms: 2 }], PASSED],
    ["a copy of its pass", [{ status: PASSED, attempt: 2, ms: 2 }], PASSED],
    [
      "two copies of another failure",
      [1, 2].map((ms) => ({ status: FAILED, attempt: 2, ms })),
      FAILED,
    ],
    [
      "two copies of another failure, and a later pass",
      [
        { status: FAILED, attempt: 2, ms: 1 },
        { status: ERRORED, attempt: 2, ms: 2 },
        { status: PASSED, attempt: 3 },
      ],
      PASSED,
    ],
    [
      "copies of a pass, and another failure",
      [
        { status: FAILED, repeatIndex: 1 },
        { status: FAILED, repeatIndex: 1, ms: 1 },
        { status: PASSED, attempt: 2, ms: 1 },
        { status: PASSED, attempt: 2, ms: 2 },
      ],
      FAILED,
    ],
  ])("that passed when it was tried again is judged with %s", async (_, refused, status) => {
    const runId = newRun();
    await send(runId, "one", [{ status: FAILED }, { status: PASSED, attempt: 2 }].map(resultOf));
    await send(runId, "one", refused.map(resultOf));
    expect(await statusOf(runId)).toBe(status);
  });

  it("fails by what is refused after its end, of the same part", async () => {
    const runId = newRun();
    await send(runId, "one", [resultOf({ status: PASSED })]);
    await client.ingest.finishRun({ runId });
    expect(await statusOf(runId)).toBe(PASSED);
    await send(runId, "one", [resultOf({ status: FAILED })]);
    expect(await statusOf(runId)).toBe(FAILED);
  });

  it("says how many refused ones failed, and passes once they are dismissed", async () => {
    const runId = newRun();
    await send(runId, "one", [resultOf({ status: PASSED })]);
    await send(runId, "two", [
      resultOf({ status: FAILED }),
      resultOf({ status: PASSED, name: "" }),
      resultOf({ status: ERRORED, name: "" }),
    ]);
    await client.ingest.finishRun({ runId });
    const { run, parts } = await client.stats.getRun({ runId });
    expect(run).toMatchObject({
      state: RunState.FINISHED,
      status: ERRORED,
      totals: { failedCount: 0n, rejectedCount: 3n, rejectedFailureCount: 2n },
    });
    expect(parts).toMatchObject([
      { part: { producer: "one" }, status: PASSED, rejectedFailureCount: 0n },
      { part: { producer: "two" }, status: ERRORED, rejectedFailureCount: 2n },
    ]);
    await dismiss(runId);
    expect(await statusOf(runId)).toBe(PASSED);
    const dismissed = await client.stats.getRun({ runId });
    expect(dismissed.run?.totals).toMatchObject({ rejectedCount: 3n, rejectedFailureCount: 0n });
  });

  it("is judged by the result once a refused one is mended and replayed", async () => {
    const runId = newRun();
    await send(runId, "one", [resultOf({ status: FAILED, name: "" })]);
    await client.ingest.finishRun({ runId });
    expect(await statusOf(runId)).toBe(FAILED);
    const { rejections } = await client.rejections.listRejections({ filter: { runId } });
    const rejectionId = rejections[0]?.rejectionId ?? "";
    const replacement = { case: "result", value: resultOf({ status: PASSED }) } as const;
    await client.rejections.replayRejections({ entries: [{ rejectionId, replacement }] });
    expect(await statusOf(runId)).toBe(PASSED);
  });

  it("has the status that its producer gave", async () => {
    const runId = newRun();
    await send(runId, "one", [resultOf({ status: PASSED })]);
    const part = { job: "unit", producer: "one" };
    await client.ingest.ingestRun({
      run: { runId, status: PASSED },
      part,
      results: [resultOf({ status: FAILED })],
    });
    expect(await statusOf(runId)).toBe(PASSED);
  });
});
