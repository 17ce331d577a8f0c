/** A server whose runs tests upload as clients do, and whose folding they can hasten, or stop. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { fieldViolations, type TallyClient } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { codeName } from "../../../src/server/code-name.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { settle } from "../../support/settle.js";

export const HOUR_US = 3_600_000_000;
export const DAY_US = 24 * HOUR_US;

/** A result; a test is named by its name alone. */
export interface ResultInput {
  readonly name: string;
  readonly status?: Status;
  readonly us?: number;
  readonly attempt?: number;
  readonly message?: string;
  readonly id?: string;
}

/** A run with one part, or one part of a run that has more. */
export interface RunInput {
  readonly runId: string;
  readonly startUs: number;
  readonly branch?: string;
  readonly commitSha?: string;
  readonly treeSha?: string;
  readonly dirty?: boolean;
  readonly labels?: Record<string, string>;
  readonly job?: string;
  /** With it the part is finished, after so long. */
  readonly status?: Status;
  readonly tookUs?: number;
  /** The start is not sent: with a status it is made from the finish, and an earlier one of another part replaces it. */
  readonly startIsDerived?: boolean;
  readonly results: readonly ResultInput[];
}

export class StatsLab implements AsyncDisposable {
  /** On a database of its own, unless another is given. */
  static async start(databaseUrl?: string): Promise<StatsLab> {
    const server = await startTestServer(databaseUrl === undefined ? {} : { databaseUrl });
    return new StatsLab(server, new Connection({ url: server.databaseUrl, prepare: false }));
  }

  readonly ingest: TallyClient["ingest"];
  readonly stats: TallyClient["stats"];

  private constructor(
    readonly server: TestServer,
    readonly db: Connection,
  ) {
    const { ingest, stats } = server.client(server.allToken);
    this.ingest = ingest;
    this.stats = stats;
  }

  /** Uploads results, as many calls as it takes. */
  async upload(run: RunInput): Promise<void> {
    const { runId, branch = "", commitSha = "", treeSha = "", dirty = false } = run;
    const { status, tookUs = 0 } = run;
    await this.ingest.ingestRun({
      run: {
        runId,
        source: { branch, commitSha, treeSha, dirty },
        labels: { ...run.labels },
        ...(run.startIsDerived === true ? {} : { startTime: at(run.startUs) }),
        ...(status === undefined
          ? {}
          : { status, finishTime: at(run.startUs + tookUs), duration: at(tookUs) }),
      },
      part: { job: run.job ?? "" },
      results: run.results.map(resultMessage),
    });
  }

  /** Folds what is stored, and takes away what is deleted. */
  settle(): Promise<void> {
    return settle(this.server.databaseUrl);
  }

  /** Keeps the project's results from being folded until it is disposed. */
  async holdFolding(): Promise<AsyncDisposable> {
    const holder = new Connection({ url: this.server.databaseUrl, prepare: false });
    await holder.run(`
      BEGIN;
      INSERT INTO fold_states (project_key) SELECT project_key FROM projects ON CONFLICT DO NOTHING;
      SELECT FROM fold_states FOR UPDATE`);
    return {
      async [Symbol.asyncDispose]() {
        await holder.run("ROLLBACK");
        await holder[Symbol.asyncDispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function resultMessage(result: ResultInput): MessageInitShape<typeof TestResultSchema> {
  const { name, status = Status.PASSED, us, attempt = 1, message, id = "" } = result;
  return {
    resultId: id,
    test: { name },
    status,
    attempt,
    ...(us === undefined ? {} : { duration: at(us) }),
    ...(message === undefined ? {} : { failure: { kind: "assertion", type: "Error", message } }),
  };
}

/** A Timestamp, or a Duration, of microseconds. */
export function at(us: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(us / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (us - seconds * 1_000_000) * 1000 };
}

/** Microseconds of a Timestamp or a Duration; -1 if it is absent. */
export function usOf(time: { seconds: bigint; nanos: number } | undefined): number {
  return time === undefined ? -1 : Number(time.seconds) * 1_000_000 + time.nanos / 1000;
}

/** Why a call fails: its code, and the fields at fault. */
export async function refusalOf(call: Promise<unknown>): Promise<[string, string[]]> {
  const error = await failure(call);
  return [codeName(error.code), fieldViolations(error).map(({ field }) => field)];
}
