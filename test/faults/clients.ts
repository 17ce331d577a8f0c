/** Clients that send one piece of work after another, each in its own way, until the time is over. */
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { between, pick, type Random } from "../../bench/random.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { PartSchema } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import type { Journal } from "./journal.js";
import { createAgain } from "./send-again.js";
import {
  type SendContext,
  type Sender,
  sendPublished,
  sendRefused,
  sendResuming,
  sendUnary,
  sendUploaded,
} from "./senders.js";
import type { Project } from "./tenants.js";
import { drawAttempts, type Pool } from "./work.js";

export interface ClientsOptions {
  readonly url: string;
  readonly projects: readonly [Project, ...Project[]];
  readonly journal: Journal;
  /** A source of numbers for each client. */
  readonly randomOf: (client: number) => Random;
  readonly over: () => boolean;
  readonly giveUpAt: () => number;
}

interface Role {
  readonly send: Sender;
  /** Results of one piece of work, at most. */
  readonly size: number;
  readonly json?: boolean;
}

/** Work stays below 100 refusals, so that answers list them all. */
const ROLES: readonly Role[] = [
  { send: sendUnary, size: 1 },
  { send: sendUnary, size: 20 },
  { send: sendUnary, size: 20, json: true },
  { send: sendPublished, size: 150 },
  { send: sendPublished, size: 150 },
  { send: sendUploaded, size: 100 },
  { send: sendResuming, size: 150 },
  { send: sendResuming, size: 150 },
];
/** Each has a job of its own. */
export const CLIENT_COUNT = ROLES.length;
const RUNS = ["one", "two", "three"] as const;
/** Leaves the server some of the machine. */
const PAUSE_MS = 10;

/** Resolves when every client has been answered, or has given up. */
export async function runClients(options: ClientsOptions): Promise<void> {
  const pool: Pool = new Map();
  await Promise.all(ROLES.map((role, i) => runClient(options, role, i, pool)));
}

async function runClient(
  options: ClientsOptions,
  role: Role,
  number: number,
  pool: Pool,
): Promise<void> {
  const { journal } = options;
  const random = options.randomOf(number);
  const project = pick(random, options.projects);
  await using connection = connect(options.url, project.token, role.json ?? false);
  const again = createAgain(journal, random, options.giveUpAt);
  const context: SendContext = { client: connection, journal, random, again };
  let names = 0;
  const name = () => `c${number}.${names++}`;
  try {
    for (let work = 1; !options.over(); work++) {
      const runId = pick(random, RUNS);
      const part = create(PartSchema, { job: `job ${number}`, attempt: Math.ceil(work / 4) });
      const target = { projectId: project.projectId, runId, part };
      const count = between(random, 1, role.size);
      const attempts = drawAttempts(random, journal, pool, target, count, name);
      await role.send(context, target, attempts);
      // Sent again without need.
      if (random() < 0.1) await role.send(context, target, attempts);
      if (random() < 0.02) await sendRefused(context, target, []);
      await sleep(PAUSE_MS);
    }
  } catch (error) {
    journal.complain(`client ${number} gave up: ${error}`);
  }
}

function connect(url: string, token: string, json: boolean) {
  if (!json) {
    // The time is for faults, not for waiting after them.
    const channelOptions = { "grpc.max_reconnect_backoff_ms": 300 };
    const client = createTallyClient({ url, token, channelOptions });
    return { ingest: client.ingest, [Symbol.asyncDispose]: async () => client.close() };
  }
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: false,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    ingest: createClient(IngestService, transport),
    [Symbol.asyncDispose]: async () => {},
  };
}
