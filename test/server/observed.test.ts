import { connect } from "node:http2";
import type { Client } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { describe, expect, test } from "vitest";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { limits } from "../../src/limits.js";
import { createLogger } from "../../src/log.js";
import { createMetrics } from "../../src/metrics.js";
import {
  callGrpcBytes,
  callUnary,
  grpcClient,
  type Lab,
  pathOf,
  protocols,
  startLab,
  until,
} from "./support.js";

const { ingestRun } = IngestService.method;

describe("one line and one count a call", () => {
  test("with who called what, how, and how it ended", async () => {
    await using lab = await startLab();
    for (const protocol of protocols) await callUnary(lab, protocol, ingestRun, {});
    await until(() => requests(lab).length === protocols.length);
    expect(requests(lab).map((line) => line["protocol"])).toEqual([
      "grpc",
      "connect",
      "connect",
      "grpc-web",
    ]);
    for (const line of requests(lab)) {
      expect(line).toMatchObject({
        service: "tally.v1.IngestService",
        method: "IngestRun",
        code: "OK",
        request_bytes: expect.any(Number),
        duration_ms: expect.any(Number),
        project_id: "p1",
        token_id: "t-ingest",
        address: "127.0.0.1",
        request_id: expect.stringMatching(/^req-/),
      });
    }
    const metrics = await lab.metrics.registry.metrics();
    expect(metrics).toContain(
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="grpc-web",code="OK"} 1',
    );
    expect(metrics).toContain(
      'tally_request_duration_seconds_count{service="tally.v1.IngestService",method="IngestRun"} 4',
    );
  });

  test("and a refused token is an event, without the token", async () => {
    await using lab = await startLab();
    const headers = { authorization: "Bearer tly_secret" };
    for (const protocol of protocols) await callUnary(lab, protocol, ingestRun, {}, headers);
    await until(() => requests(lab).length === protocols.length);
    const failed = lab.lines.filter((line) => line["event"] === "auth_failed");
    expect(failed).toHaveLength(protocols.length);
    expect(failed[0]).toMatchObject({ reason: "UNAUTHENTICATED", address: "127.0.0.1" });
    expect(JSON.stringify(lab.lines)).not.toContain("tly_secret");
    const metrics = await lab.metrics.registry.metrics();
    expect(metrics).toContain('tally_auth_failures_total{reason="UNAUTHENTICATED"} 4');
  });
});

describe("a hook that throws after the reply", () => {
  test.each(["log", "metric"])("of the %s hurts nobody", async (hook) => {
    const metrics = createMetrics();
    const fail = () => {
      throw new Error("disk full");
    };
    const log = createLogger("info", { write: hook === "log" ? fail : () => {} });
    if (hook === "metric") metrics.requests.inc = fail;
    await using lab = await startLab({ metrics, log });
    using client = grpcClient(lab);
    for (let i = 0; i < 2; i += 1) {
      expect((await callGrpcBytes(client, ingestRun, Buffer.alloc(0))).code).toBe("OK");
      const response = await fetch(lab.server.url + pathOf(ingestRun), {
        method: "POST",
        headers: { authorization: "Bearer ingest", "content-type": "application/json" },
        body: "{}",
      });
      expect(response.status).toBe(200);
      await response.text();
    }
    const text = await metrics.registry.metrics();
    expect(text).toContain("tally_hook_failures_total 4");
  });
});

describe("health and reflection answer without a token", () => {
  test("health says SERVING, lists the services, and NOT_SERVING on drain", async () => {
    const lab = await startLab();
    using client = grpcClient(lab);
    const check = (service: string) => healthCall(client, "Check", { service });
    await expect(check("")).resolves.toEqual({ status: "SERVING" });
    await expect(check("tally.v1.IngestService")).resolves.toEqual({ status: "SERVING" });
    await expect(check("nope")).rejects.toThrow("NOT_FOUND");
    const list = (await healthCall(client, "List", {})) as { statuses: object };
    expect(Object.keys(list.statuses)).toContain("tally.v1.StatsService");
    const watched: unknown[] = [];
    const definition = healthService["Watch"];
    if (definition === undefined) throw new Error("no Watch");
    const watch = client.makeServerStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      { service: "" },
    );
    watch.on("data", (answer) => watched.push(answer));
    watch.on("error", () => {});
    await until(() => watched.length === 1);
    await lab.server.drain();
    expect(watched).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
  });

  test.each(["v1", "v1alpha"])("reflection %s describes the services", async (version) => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const listed = await reflect(client, version, { listServices: "" });
    expect(listed).toContain("tally.v1.IngestService");
    expect(listed).toContain("grpc.health.v1.Health");
    const file = await reflect(client, version, {
      fileContainingSymbol: "tally.v1.IngestRunRequest",
    });
    expect(file).toContain("tally/v1/run.proto");
    expect(file).toContain("google/protobuf/timestamp.proto");
  });

  test.each([
    ["health", "/grpc.health.v1.Health/Check"],
    ["reflection", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"],
  ])("%s takes no message larger than other calls without a token", async (_, path) => {
    await using lab = await startLab();
    const announced = Buffer.alloc(5);
    announced.writeUInt32BE(limits.publicMessageBytes + 1, 1);
    const session = connect(lab.server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.write(announced);
    const status = await new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers["grpc-status"]));
      stream.on("trailers", (headers) => resolve(headers["grpc-status"]));
    });
    session.destroy();
    // RESOURCE_EXHAUSTED, before the rest of it has come.
    expect(status).toBe("8");
  });

  test("reflection can be switched off", async () => {
    await using lab = await startLab({ reflection: false });
    using client = grpcClient(lab);
    await expect(reflect(client, "v1", { listServices: "" })).rejects.toThrow("UNIMPLEMENTED");
  });
});

function requests(lab: Lab): Record<string, unknown>[] {
  return lab.lines.filter((line) => line["event"] === "request");
}

function healthCall(client: Client, name: string, input: object): Promise<unknown> {
  const definition = healthService[name];
  if (definition === undefined) throw new Error(`no ${name}`);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      input,
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    );
  });
}

/** The bytes of the answer as text: names of services and files are readable in it. */
function reflect(client: Client, version: string, request: Record<string, string>) {
  const [[key, value = ""] = []] = Object.entries(request);
  const field = key === "listServices" ? 7 : 4;
  const bytes = Buffer.from([(field << 3) | 2, value.length, ...Buffer.from(value)]);
  return new Promise<string>((resolve, reject) => {
    const call = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (data: Buffer) => data,
      (data: Buffer) => data,
    );
    call.on("data", (data: Buffer) => resolve(data.toString("latin1")));
    call.on("error", reject);
    call.write(bytes);
    call.end();
  });
}
