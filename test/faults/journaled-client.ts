/** A client for a test that breaks things itself: it sends by every sender and journals what it hears. */
import { create } from "@bufbuild/protobuf";
import { seededRandom } from "../../bench/random.js";
import { PartSchema, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { type Attempt, createJournal, type Journal, type Target } from "./journal.js";
import { createAgain } from "./send-again.js";
import type { Sender } from "./senders.js";
import type { Project } from "./tenants.js";
import { drawAttempts, type Pool } from "./work.js";

export interface JournaledClient extends Disposable {
  readonly journal: Journal;
  /** Sends results of all kinds to run `run`, as a part of its own, until they are acknowledged. */
  send(sender: Sender, count: number): Promise<void>;
  /** The same with results that break no rule. */
  sendResults(sender: Sender, results: readonly TestResult[]): Promise<void>;
}

const GIVE_UP_AFTER_MS = 60_000;

/** A client of the project; what it sends is always the same. */
export function createJournaledClient(url: string, { projectId, token }: Project): JournaledClient {
  const journal = createJournal();
  const random = seededRandom(1);
  const channelOptions = { "grpc.max_reconnect_backoff_ms": 300 };
  const client = createTallyClient({ url, token, channelOptions });
  const pool: Pool = new Map();
  let names = 0;
  let parts = 0;
  const newTarget = () => {
    const part = create(PartSchema, { job: `job ${parts++}` });
    return { projectId, runId: "run", part };
  };
  const sendAll = async (sender: Sender, target: Target, attempts: readonly Attempt[]) => {
    const giveUpAt = performance.now() + GIVE_UP_AFTER_MS;
    const again = createAgain(journal, random, () => giveUpAt);
    await sender({ client, journal, random, again }, target, attempts);
  };
  return {
    journal,
    async send(sender, count) {
      const target = newTarget();
      const name = () => `n${names++}`;
      await sendAll(sender, target, drawAttempts(random, journal, pool, target, count, name));
    },
    async sendResults(sender, results) {
      const target = newTarget();
      const attempts = results.map((result) => journal.attempt(target, result, true));
      await sendAll(sender, target, attempts);
    },
    [Symbol.dispose]: () => client.close(),
  };
}
