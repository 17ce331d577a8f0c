/** Runs of a small shop, as pages of tests show them. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import { settle } from "../support/settle.js";
import type { WebLab } from "./web-lab.js";

/** A result of a test that is named by its name alone. */
export interface ResultInput {
  readonly name: string;
  readonly status?: Status;
  readonly attempt?: number;
  readonly message?: string;
}

/** A run with one part, which is finished unless it `isRunning`. */
export interface BuildInput {
  readonly runId: string;
  readonly hoursAgo: number;
  readonly branch?: string;
  readonly baseBranch?: string;
  readonly isRunning?: boolean;
  readonly results: readonly ResultInput[];
}

/** Uploads the run; its commit is named like it. */
export async function uploadBuild(client: TallyClient, build: BuildInput): Promise<void> {
  const { runId, branch = "main", baseBranch = "", results } = build;
  const startMs = Date.now() - build.hoursAgo * 3_600_000;
  const fails = results.some(({ status }) => status === Status.FAILED);
  await client.ingest.ingestRun({
    run: {
      runId,
      source: { branch, baseBranch, commitSha: `commit of ${runId}` },
      startTime: timestampFromMs(startMs),
      ...(build.isRunning === true
        ? {}
        : {
            status: fails ? Status.FAILED : Status.PASSED,
            finishTime: timestampFromMs(startMs + 60_000),
          }),
    },
    part: { job: "unit" },
    results: results.map(({ name, status = Status.PASSED, attempt = 1, message }, index) => ({
      test: { name, file: "test/shop.test.ts", suite: "shop" },
      status,
      attempt,
      duration: { seconds: 0n, nanos: 1_000_000 * (index + 1) },
      ...(message === undefined
        ? {}
        : { failure: { kind: "assertion", type: "AssertionError", message } }),
    })),
  });
}

/** A name that would be markup, turn the direction of writing, or colour a terminal. */
export const HOSTILE_NAME = `<img src=x onerror="document.title='harmed'"> \u202Egnp.\u001b[31m`;

/**
 * Three runs of main and one of a change. In the newest of main `logs in` newly fails, `pays` still does, and `mails` fails
 * before it passes; resolves when what is said of tests has followed.
 */
export async function uploadShop({ client, server }: WebLab): Promise<void> {
  const many = Array.from({ length: 130 }, (_, index) => ({ name: `ships order ${index + 1}` }));
  const { FAILED } = Status;
  const pays = { name: "pays", status: FAILED, message: "expected 402 to equal 200" };
  await uploadBuild(client, {
    runId: "main 1",
    hoursAgo: 72,
    results: [{ name: "logs in" }, { name: "pays" }, { name: "mails" }, ...many],
  });
  await uploadBuild(client, {
    runId: "change 1",
    hoursAgo: 60,
    branch: "change",
    baseBranch: "main",
    results: [{ name: "logs in" }],
  });
  await uploadBuild(client, {
    runId: "main 2",
    hoursAgo: 48,
    results: [{ name: "logs in" }, pays, { name: "mails" }],
  });
  await uploadBuild(client, {
    runId: "main 3",
    hoursAgo: 1,
    results: [
      { name: "logs in", status: FAILED, message: 'expected "a" to be "b"\n  at login.ts:7' },
      pays,
      { name: "mails", status: FAILED, message: "Timeout 2000ms exceeded" },
      { name: "mails", attempt: 2 },
      { name: HOSTILE_NAME },
    ],
  });
  await settle(server.databaseUrl);
}
