/** The client against a real server, over gRPC and over Connect: the same answers, the same errors. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { UploadResultsRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import {
  createTallyClient,
  isUnreachable,
  readError,
  type TallyClient,
  type TallyClientOptions,
  type TallyProtocol,
} from "../../src/client/index.js";
import { UNARY_TIMEOUT_MS } from "../../src/client/transport.js";
import { createCertificate } from "../support/certificate.js";
import { failure } from "../support/failure.js";
import { startHttpProxy } from "../support/http-proxy.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(() => vi.unstubAllEnvs());

describe.each(["grpc", "connect"] as const)("over %s", (protocol: TallyProtocol) => {
  function connect(options: Partial<TallyClientOptions> = {}) {
    const client = createTallyClient({
      url: server.url,
      token: server.allToken,
      protocol,
      ...options,
    });
    return { ...client, [Symbol.dispose]: () => client.close() };
  }
  const results = [{ test: { name: "a" }, status: Status.PASSED }];

  it("calls every service", async () => {
    using client = connect({ token: server.adminToken });
    const { projectId } = server;
    const run = { runId: `all over ${protocol}` };
    expect(await client.ingest.ingestRun({ projectId, run, results })).toMatchObject({
      acceptedCount: 1n,
    });
    expect((await client.stats.getRun({ projectId, runId: run.runId })).run).toMatchObject(run);
    expect((await client.events.listEvents({ projectId })).events).toEqual([]);
    const filter = { runId: run.runId };
    expect((await client.rejections.listRejections({ projectId, filter })).rejections).toEqual([]);
    expect((await client.tenancy.getProject({ projectId })).project).toMatchObject({ projectId });
  });

  it("takes a token with the line break of its file", async () => {
    using client = connect({ token: `${server.allToken}\n` });
    expect((await client.stats.listRuns({})).$typeName).toBe("tally.v1.ListRunsResponse");
  });

  it.each(["secret\nsecret", "secret …"])(
    "does not tell a token that no header carries",
    (token) => {
      expect(() => connect({ token })).toThrow("[invalid_argument] the token");
      expect(() => connect({ token })).not.toThrow("secret");
    },
  );

  it("says of a closed client that it is closed", async () => {
    const client = connect();
    client.close();
    const call = client.stats.listRuns({});
    await expect(call).rejects.toThrow("[internal] the client is closed");
    const watching = client.stats.watchRuns({})[Symbol.asyncIterator]();
    await expect(watching.next()).rejects.toThrow("[internal] the client is closed");
  });

  it("streams to the server", async () => {
    using client = connect();
    async function* frames(): AsyncGenerator<MessageInitShape<typeof UploadResultsRequestSchema>> {
      const run = { runId: `stream over ${protocol}` };
      yield { frame: { case: "open", value: { run } } };
      yield { frame: { case: "batch", value: { results } } };
      yield { frame: { case: "finish", value: {} } };
    }
    expect((await client.ingest.uploadResults(frames())).acceptedCount).toBe(1n);
  });

  it("fails with one object that says everything", async () => {
    using client = connect();
    const error = readError(await failure(client.ingest.ingestRun({ run: { runId: "" } })));
    expect(error).toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining("run.run_id"),
      reason: "INVALID_REQUEST",
      metadata: { rejection_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
      fieldViolations: [{ field: "run.run_id", description: expect.any(String) }],
      retryAfterMs: undefined,
    });
    const { requestId } = error;
    expect(requestId).toBeTruthy();
    expect(server.logLines).toContainEqual(expect.objectContaining({ request_id: requestId }));
    using stranger = connect({ token: "tly_proj_wrong" });
    const refused = readError(await failure(stranger.stats.listRuns({})));
    expect(refused).toMatchObject({ code: Code.Unauthenticated, reason: "UNAUTHENTICATED" });
  });

  it("says that no server answered", async () => {
    const socket = createServer();
    socket.listen(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address() as AddressInfo;
    socket.close();
    await once(socket, "close");
    using client = connect({ url: `http://127.0.0.1:${port}` });
    const error = await failure(client.stats.listRuns({}));
    expect(isUnreachable(error)).toBe(true);
    expect(error.message).toContain("ECONNREFUSED");
  });

  it.each(["fin", "rst"] as const)("is UNAVAILABLE when a call is cut by %s", async (how) => {
    const { hostname, port } = new URL(server.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    using client = connect({ url: proxy.through(server.url) });
    await client.stats.listRuns({});
    proxy.cutAfter("toClient", 0, how);
    const error = await failure(client.stats.listRuns({}));
    expect(isUnreachable(error)).toBe(true);
    await client.stats.listRuns({});
  });

  it("ends a call at the client's deadline", async () => {
    const { hostname, port } = new URL(server.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    using client = connect({ url: proxy.through(server.url), defaultTimeoutMs: 300 });
    await client.stats.listRuns({}, { timeoutMs: 20_000 });
    proxy.setBlackhole(true);
    const startedAt = performance.now();
    expect((await failure(client.stats.listRuns({}))).code).toBe(Code.DeadlineExceeded);
    expect(performance.now() - startedAt).toBeLessThan(UNARY_TIMEOUT_MS / 2);
  });

  it("waits as long as the server asks, and tries again", async () => {
    await using slow = await startTestServer({ env: { TALLY_CALLS_PER_SECOND: "8" } });
    const { url, allToken } = slow;
    using patient = connect({ url, token: allToken });
    using hasty = connect({ url, token: allToken, maxRetries: 0 });
    const list = (client: TallyClient) =>
      Promise.allSettled(Array.from({ length: 12 }, () => client.stats.listRuns({})));
    const refusals = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
      outcomes.flatMap((each) => (each.status === "rejected" ? [readError(each.reason)] : []));
    expect(refusals(await list(patient))).toEqual([]);
    const limited = { code: Code.ResourceExhausted, retryAfterMs: expect.any(Number) };
    expect(refusals(await list(hasty))).toContainEqual(expect.objectContaining(limited));
  });

  it("trusts the authorities that it is given", async () => {
    await using certificate = await createCertificate();
    const { certFile, keyFile, text } = certificate;
    await using secure = await startTestServer({
      env: { TALLY_TLS_CERT: certFile, TALLY_TLS_KEY: keyFile },
      ca: text,
    });
    const { url, allToken } = secure;
    expect(url).toMatch(/^https:/);
    using client = connect({ url, token: allToken, ca: text });
    expect((await client.stats.listRuns({})).runs).toEqual([]);
    using wary = connect({ url, token: allToken });
    const error = await failure(wary.stats.listRuns({}));
    expect(isUnreachable(error)).toBe(true);
    expect(error.message).toMatch(/self.signed certificate/);
  });

  it("goes through the proxy of the environment, but for exempt hosts", async () => {
    await using proxy = await startHttpProxy();
    await using certificate = await createCertificate();
    const { certFile, keyFile, text } = certificate;
    await using secure = await startTestServer({
      env: { TALLY_TLS_CERT: certFile, TALLY_TLS_KEY: keyFile },
      ca: text,
    });
    vi.stubEnv("https_proxy", proxy.url);
    for (const { url, allToken } of [server, secure]) {
      using client = connect({ url, token: allToken, ca: text });
      await client.stats.listRuns({});
    }
    expect(proxy.targets).toEqual([server, secure].map(({ url }) => new URL(url).host));
    vi.stubEnv("no_proxy", "example.org,127.0.0.1");
    using direct = connect();
    await direct.stats.listRuns({});
    expect(proxy.targets).toHaveLength(2);
  });

  it("is UNAVAILABLE when the proxy refuses", async () => {
    await using proxy = await startHttpProxy();
    vi.stubEnv("http_proxy", proxy.url.replace(/\/\/.*@/, "//"));
    using client = connect({ defaultTimeoutMs: 5_000 });
    const error = await failure(client.stats.listRuns({}));
    expect(isUnreachable(error)).toBe(true);
    // grpc-js does not say why.
    if (protocol === "connect") expect(error.message).toContain("407");
  });
});

it("takes no protocol that there is not", () => {
  const protocol = "grcp" as TallyProtocol;
  const open = () => createTallyClient({ url: server.url, protocol });
  expect(open).toThrow('"grcp" is no protocol: expected grpc or connect');
});

it("takes an address with a path over connect alone", () => {
  const url = "http://127.0.0.1:1/tally";
  createTallyClient({ url, protocol: "connect" }).close();
  expect(() => createTallyClient({ url })).toThrow("expected http://host:port");
});

it("says that streams both ways need gRPC", async () => {
  const client = createTallyClient({ url: "http://127.0.0.1:1", protocol: "connect" });
  const answers = client.ingest.publishResults((async function* () {})());
  const error = await failure(answers[Symbol.asyncIterator]().next());
  expect(readError(error)).toMatchObject({
    code: Code.Unimplemented,
    message: expect.stringMatching(/^PublishResults sends both ways .* use the protocol grpc/),
  });
  client.close();
});
