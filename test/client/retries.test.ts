import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { Metadata, status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { createTallyClient, type TallyClientOptions } from "../../src/client/index.js";
import { withRetries } from "../../src/client/retries.js";
import { failure } from "../support/failure.js";
import { startBareServer } from "./bare-server.js";

interface Refusal {
  readonly code: number;
  readonly retryInfoMs?: number;
  readonly pushback?: string;
}

/** A server that refuses as often as there are refusals, and a client of it. */
async function start(refusals: readonly Refusal[], options: Partial<TallyClientOptions> = {}) {
  let tries = 0;
  const server = await startBareServer({
    ingestRun(_, callback) {
      const refusal = refusals[tries++];
      if (refusal === undefined) callback(null, { runId: "r" });
      else callback({ code: refusal.code, details: "not now", metadata: hintsOf(refusal) });
    },
  });
  const client = createTallyClient({ url: server.url, ...options });
  return {
    get tries() {
      return tries;
    },
    call: (timeoutMs?: number) =>
      client.ingest.ingestRun({}, timeoutMs === undefined ? {} : { timeoutMs }),
    abortable: (signal: AbortSignal) => client.ingest.ingestRun({}, { signal }),
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

function hintsOf({ code, retryInfoMs, pushback }: Refusal): Metadata {
  const metadata = new Metadata();
  if (pushback !== undefined) metadata.set("grpc-retry-pushback-ms", pushback);
  if (retryInfoMs !== undefined) {
    const retryDelay = { nanos: retryInfoMs * 1e6 };
    const details = [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay }))];
    const bytes = toBinary(StatusSchema, create(StatusSchema, { code, details }));
    metadata.set("grpc-status-details-bin", Buffer.from(bytes));
  }
  return metadata;
}

it.each([
  ["RetryInfo of UNAVAILABLE", { code: status.UNAVAILABLE, retryInfoMs: 150 }],
  ["RetryInfo of RESOURCE_EXHAUSTED", { code: status.RESOURCE_EXHAUSTED, retryInfoMs: 150 }],
  ["grpc-retry-pushback-ms", { code: status.UNAVAILABLE, pushback: "150" }],
])("waits by %s", async (_, refusal) => {
  await using lab = await start([refusal, refusal]);
  const startedAt = performance.now();
  expect((await lab.call(20_000)).runId).toBe("r");
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
  expect(lab.tries).toBe(3);
});

it("gives up after three retries, or as many as it is told", async () => {
  const refusals = Array.from({ length: 9 }, () => ({ code: status.UNAVAILABLE, retryInfoMs: 1 }));
  await using lab = await start(refusals);
  expect((await failure(lab.call())).code).toBe(Code.Unavailable);
  expect(lab.tries).toBe(4);
  await using once = await start(refusals, { maxRetries: 0 });
  await failure(once.call());
  expect(once.tries).toBe(1);
});

it.each([
  ["there is no hint", { code: status.UNAVAILABLE }],
  ["the server says not to", { code: status.UNAVAILABLE, pushback: "-1" }],
  ["the code is another", { code: status.INTERNAL, retryInfoMs: 1 }],
  ["the deadline leaves no time", { code: status.UNAVAILABLE, pushback: "30000" }],
])("does not try again where %s", async (_, refusal) => {
  await using lab = await start([refusal]);
  await failure(lab.call(20_000));
  expect(lab.tries).toBe(1);
});

it("ends its wait at the caller's signal", async () => {
  await using lab = await start([{ code: status.UNAVAILABLE, pushback: "20000" }]);
  const controller = new AbortController();
  const call = failure(lab.abortable(controller.signal));
  await expect.poll(() => lab.tries).toBe(1);
  controller.abort();
  expect((await call).code).toBe(Code.Canceled);
});

it("tries nothing again that is not idempotent", async () => {
  const { tenancy, timeouts } = refusing("1");
  await failure(tenancy.createToken({}));
  expect(timeouts).toHaveLength(1);
  await failure(tenancy.listTokens({}));
  expect(timeouts).toHaveLength(1 + 4);
});

it("leaves to each try what the whole call has left", async () => {
  const { tenancy, timeouts } = refusing("150");
  await failure(tenancy.listTokens({}, { timeoutMs: 20_000 }));
  expect(timeouts).toHaveLength(4);
  const [first = 0, , , last = 0] = timeouts;
  expect(first).toBe(20_000);
  expect(first - last).toBeGreaterThanOrEqual(3 * 150 - 5);
});

/** A client whose calls are all refused with this hint, and the time that each try was given. */
function refusing(pushback: string) {
  const timeouts: number[] = [];
  const transport = {
    async unary(_method: unknown, _signal: unknown, timeoutMs: number) {
      timeouts.push(timeoutMs);
      throw new ConnectError("not now", Code.Unavailable, { "grpc-retry-pushback-ms": pushback });
    },
  } as unknown as Transport;
  const options = { maxRetries: 3, defaultTimeoutMs: 0, random: () => 0 };
  return { tenancy: createClient(TenancyService, withRetries(transport, options)), timeouts };
}
