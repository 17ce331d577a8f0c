import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IngestEventRequestSchema } from "../../gen/tally/v1/event_service_pb.js";
import { IngestRunRequestSchema, IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { decodeJson } from "../../src/server/decode.js";
import {
  callGrpcBytes,
  callUnary,
  grpcClient,
  type Lab,
  openUpload,
  protocols,
  startLab,
} from "./support.js";

const { ingestRun, deleteRun, finishRun } = IngestService.method;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.server.drain());

const ingest = { authorization: "Bearer ingest", "x-request-id": "mine.1" };

const table = [
  {
    name: "a success",
    call: [ingestRun, { run: { runId: "r1" } }, ingest] as const,
    code: "OK",
  },
  {
    name: "a token that is verified later",
    call: [
      ingestRun,
      { run: { runId: "r1" } },
      { ...ingest, authorization: "Bearer slow-ingest" },
    ] as const,
    code: "OK",
  },
  {
    name: "a public method without a token",
    call: [finishRun, { runId: "r" }, {}] as const,
    code: "OK",
  },
  {
    name: "a large message without a token",
    call: [finishRun, { runId: "r".repeat(5000) }, {}] as const,
    code: "RESOURCE_EXHAUSTED",
  },
  {
    name: "no token",
    call: [ingestRun, {}, { "x-request-id": "mine.1" }] as const,
    code: "UNAUTHENTICATED",
  },
  {
    name: "a wrong token, found out later",
    call: [ingestRun, {}, { ...ingest, authorization: "Bearer slow-wrong" }] as const,
    code: "UNAUTHENTICATED",
  },
  { name: "a missing scope", call: [deleteRun, {}, ingest] as const, code: "PERMISSION_DENIED" },
  {
    name: "another missing scope",
    call: [StatsService.method.listRuns, {}, ingest] as const,
    code: "PERMISSION_DENIED",
  },
  {
    name: "several violations",
    call: [ingestRun, { run: { runId: "invalid" } }, ingest] as const,
    code: "INVALID_ARGUMENT",
  },
  {
    name: "an error with strange characters",
    call: [ingestRun, { run: { runId: "not-found" } }, ingest] as const,
    code: "NOT_FOUND",
  },
  {
    name: "an error with a retry hint",
    call: [ingestRun, { run: { runId: "unavailable" } }, ingest] as const,
    code: "UNAVAILABLE",
  },
  {
    name: "a bug",
    call: [ingestRun, { run: { runId: "boom" } }, ingest] as const,
    code: "INTERNAL",
  },
];

describe("every protocol gives the same answer, code, details and headers", () => {
  for (const { name, call, code } of table) {
    test(name, async () => {
      const [method, input, headers] = call;
      const outcomes = [];
      for (const protocol of protocols) {
        outcomes.push(
          await callUnary(lab, protocol, method as typeof ingestRun, input as object, headers),
        );
      }
      const [first] = outcomes;
      expect(first?.code).toBe(code);
      if ("x-request-id" in headers) expect(first?.requestId).toBe("mine.1");
      for (const outcome of outcomes.slice(1)) {
        const own =
          "x-request-id" in headers ? outcome : { ...outcome, requestId: first?.requestId };
        expect(own).toEqual(first);
      }
      if (code !== "OK") {
        expect(first?.details[0]).toMatchObject({
          "@type": "google.rpc.ErrorInfo",
          domain: "tally",
        });
      }
    });
  }

  test("a retry hint is a detail and a header", async () => {
    const outcome = await callUnary(lab, "grpc", ingestRun, { run: { runId: "unavailable" } });
    expect(outcome.pushbackMs).toBe("1500");
    expect(outcome.details[1]).toEqual({ "@type": "google.rpc.RetryInfo", retryDelay: "1.500s" });
  });

  test("a bug says a request id and nothing else, and its cause is logged once", async () => {
    const before = lab.lines.length;
    const outcome = await callUnary(
      lab,
      "grpc",
      ingestRun,
      { run: { runId: "boom" } },
      { authorization: "Bearer ingest", "x-request-id": "the-id" },
    );
    expect(outcome.message).toBe("internal error; request id the-id");
    const logged = lab.lines
      .slice(before)
      .filter((l) => JSON.stringify(l).includes("secret cause"));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ event: "call_failed", request_id: "the-id" });
  });

  test("a request id that is not sane is replaced", async () => {
    const headers = { authorization: "Bearer ingest", "x-request-id": "a b" };
    for (const protocol of protocols) {
      const outcome = await callUnary(lab, protocol, ingestRun, {}, headers);
      expect(outcome.requestId).toMatch(/^req-\d+$/);
    }
  });
});

describe("what does not decode", () => {
  const bad = Buffer.from([0x12, 0x05, 0x0a, 0xff]);

  test("broken protobuf is INVALID_ARGUMENT on every binary protocol alike", async () => {
    const client = grpcClient(lab);
    const overGrpc = await callGrpcBytes(client, ingestRun, bad);
    client.close();
    const response = await post("application/proto", bad);
    const overConnect = (await response.json()) as { code: string; message: string };
    expect(response.status).toBe(400);
    expect(overGrpc.code).toBe("INVALID_ARGUMENT");
    expect(overConnect).toMatchObject({ code: "invalid_argument", message: overGrpc.message });
    expect(overGrpc.details[0]).toMatchObject({ reason: "INVALID_REQUEST" });
    expect(overGrpc.details[1]).toMatchObject({ fieldViolations: [{ field: "body" }] });
  });

  test.each([
    ["no message", 0, "NO_MESSAGE"],
    ["two messages", 2, "SECOND_MESSAGE"],
  ])(
    "%s where one is due is UNIMPLEMENTED over gRPC and gRPC-Web alike",
    async (_, count, reason) => {
      using client = grpcClient(lab);
      const call = openUpload(client, ingest, ingestRun);
      for (let sent = 0; sent < count; sent += 1) call.call.write(Buffer.alloc(0));
      call.finish();
      const overGrpc = await call.outcome;
      expect(overGrpc.code).toBe("UNIMPLEMENTED");
      expect(overGrpc.details[0]).toMatchObject({ reason });
      const response = await post("application/grpc-web+proto", Buffer.alloc(5 * count));
      const trailers = await response.text();
      expect(trailers).toContain(`grpc-status: ${Code.Unimplemented}`);
      expect(trailers).toContain(`grpc-message: ${encodeURIComponent(overGrpc.message)}`);
    },
  );

  const cases: [string, string, string[]][] = [
    ["an unknown enum name", '{"results":[{},{"status":"broken"}]}', ["results[1].status"]],
    ["an unknown field", '{"run":{"runId":"r","colour":"red"}}', ["run.colour"]],
    ["a bad time", '{"run":{"finishTime":"not-a-date"}}', ["run.finish_time"]],
    ["a 30 February", '{"run":{"finishTime":"2026-02-30T00:00:00Z"}}', ["run.finish_time"]],
    [
      "days that do not exist in a list",
      '{"results":[{"startTime":"2028-02-29T00:00:00Z"},{"startTime":"2026-02-29T00:00:00+02:00"},{"startTime":"2026-06-31T23:00:00Z"}]}',
      ["results[1].start_time", "results[2].start_time"],
    ],
    ["24 o'clock", '{"run":{"startTime":"2026-02-28T24:00:00Z"}}', ["run.start_time"]],
    ["a bad duration", '{"run":{"duration":"5 minutes"}}', ["run.duration"]],
    ["a wrong type", '{"run":{"run_id":5}}', ["run.run_id"]],
    ["a wrong map value", '{"run":{"labels":{"a":1}}}', ['run.labels["a"]']],
    ["a map key that JavaScript loses", '{"run":{"labels":{"__proto__":"x"}}}', ["run.labels"]],
    ["a list that is none", '{"results":{}}', ["results"]],
    ["a message that is none", '{"run":"r"}', ["run"]],
    ["an array", "[]", ["body"]],
    ["a cut body", '{"run":{"runId":"r"', ["body"]],
    ["an empty body", "", ["body"]],
    ["bytes that are no UTF-8", "\u00ff", ["body"]],
    ["duplicate keys", '{"run":{},"run":{}}', ["body"]],
    ["several faults", '{"x":1,"run":{"y":2,"finishTime":3}}', ["x", "run.y", "run.finish_time"]],
  ];
  for (const [name, body, fields] of cases) {
    test(`JSON with ${name} is 400 and names ${fields.join(", ")}`, async () => {
      const response = await post("application/json", Buffer.from(body, "latin1"));
      const error = (await response.json()) as ConnectJson;
      expect(response.status).toBe(400);
      expect(error.code).toBe("invalid_argument");
      const debug = error.details.map((detail) => detail.debug);
      expect(debug[0]).toMatchObject({ reason: "INVALID_REQUEST", domain: "tally" });
      expect(debug[1]?.["fieldViolations"]).toHaveLength(fields.length);
      expect(debug[1]).toMatchObject({ fieldViolations: fields.map((field) => ({ field })) });
      const reached = lab.contexts.some(
        (c) => c.requestId === response.headers.get("x-request-id"),
      );
      expect(reached).toBe(false);
    });
  }

  test("JSON may name days that do not exist where no time is meant", () => {
    const body = Buffer.from('{"run":{"runId":"r","labels":{"due":"2026-02-30T00:00:00Z"}}}');
    expect(decodeJson(IngestRunRequestSchema, body)).toMatchObject({
      run: { labels: { due: "2026-02-30T00:00:00Z" } },
    });
  });

  test("JSON of a Struct that is nested too deeply names how deep it may be", () => {
    const fields = `${"[".repeat(200)}${"]".repeat(200)}`;
    const body = Buffer.from(`{"event":{"fields":{"a":${fields}}}}`);
    expect(() => decodeJson(IngestEventRequestSchema, body)).toThrow(
      "event.fields: expected an object of at most 32 levels, got an object",
    );
  });

  test("JSON of a Struct with a key that JavaScript loses names the key", () => {
    const body = Buffer.from('{"event":{"fields":{"a":[{"__proto__":{}}],"idempotencyKey":"x"}}}');
    expect(() => decodeJson(IngestEventRequestSchema, body)).toThrow(
      'event.fields: has the key "__proto__"',
    );
  });

  test("violations are listed up to 32", async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `"k${i}":1`);
    const response = await post("application/json", Buffer.from(`{${keys.join(",")}}`));
    const error = (await response.json()) as ConnectJson;
    expect(error.details[1]?.debug["fieldViolations"]).toHaveLength(33);
  });

  test("JSON answers show real enum names and zero counts", async () => {
    const response = await post("application/json", Buffer.from('{"run":{"runId":"r"}}'));
    expect(await response.json()).toMatchObject({ runId: "r", acceptedCount: "0", rejections: [] });
  });

  test("a valid body of each format is the same message", () => {
    const bytes = toBinary(
      IngestRunRequestSchema,
      create(IngestRunRequestSchema, { projectId: "p" }),
    );
    expect(bytes.length).toBe(3);
  });

  function post(contentType: string, body: Buffer): Promise<Response> {
    return fetch(`${lab.server.url}/tally.v1.IngestService/IngestRun`, {
      method: "POST",
      headers: { "content-type": contentType, authorization: "Bearer ingest" },
      body,
    });
  }
});

interface ConnectJson {
  readonly code: string;
  readonly details: { readonly debug: Record<string, unknown> }[];
}
