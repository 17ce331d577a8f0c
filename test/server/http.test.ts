import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { invalidArgument } from "../../src/errors.js";
import { limits } from "../../src/limits.js";
import type { Door } from "../../src/server/door.js";
import { callUnary, type Lab, pathOf, raw, startLab, until } from "./support.js";

const ingestPath = pathOf(IngestService.method.ingestRun);
const auth = { authorization: "Bearer ingest" };
const json = { ...auth, "content-type": "application/json" };

describe("pages", () => {
  test("/healthz says that the process lives", async () => {
    await using lab = await startLab({ now: () => 1_700_000_000_000 });
    const response = await fetch(`${lab.server.url}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: "healthy",
      timestamp: "2023-11-14T22:13:20.000Z",
      version: "1.2.3",
    });
  });

  test("answer to targets that are whole URLs", async () => {
    await using lab = await startLab();
    const { host } = new URL(lab.server.url);
    for (const target of [`http://${host}/healthz?a`, `HTTPS://tally.example/healthz`]) {
      const answer = await raw(
        lab,
        `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 200 .*"healthy"/s);
    }
    const root = await raw(
      lab,
      `GET http://${host}?a HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
    );
    expect(root).toContain("DASHBOARD_NOT_BUILT");
  });

  test("/readyz names the check that keeps failing, and a blip does not flip it", async () => {
    let failures = 0;
    let probes = 0;
    const database = async () => {
      probes += 1;
      if (failures > 0) {
        failures -= 1;
        throw new Error("away");
      }
    };
    await using lab = await startLab({
      readiness: [
        { name: "fine", check: async () => {} },
        { name: "database", check: database },
      ],
      timeouts: { probeIntervalMs: 10 },
    });
    const ready = async () => (await fetch(`${lab.server.url}/readyz`)).status === 200;
    const probed = async (more: number) => {
      const target = probes + more;
      await until(() => probes >= target);
    };
    await probed(1);
    expect(await ready()).toBe(true);
    failures = 2;
    const seen = [];
    while (failures > 0) seen.push(await ready());
    await probed(2);
    seen.push(await ready());
    expect(seen).not.toContain(false);
    failures = 1_000_000;
    await probed(5);
    const response = await fetch(`${lab.server.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: "not ready", failing: "database" });
    failures = 0;
    await probed(3);
    expect(await ready()).toBe(true);
  });

  test("/readyz counts a check that hangs as failed", async () => {
    await using lab = await startLab({
      readiness: [{ name: "stuck", check: () => new Promise(() => {}) }],
      timeouts: { probeIntervalMs: 10, probeTimeoutMs: 20 },
    });
    const answer = async () => (await fetch(`${lab.server.url}/readyz`)).json();
    await expect.poll(answer).toMatchObject({ failing: "stuck" });
  });

  test("/metrics is on the main address, or on its own", async () => {
    await using lab = await startLab();
    const text = await (await fetch(`${lab.server.url}/metrics`)).text();
    expect(text).toContain("tally_requests_total");
    await using apart = await startLab({ metricsListen: { host: "127.0.0.1", port: 0 } });
    expect((await fetch(`${apart.server.url}/metrics`)).status).toBe(404);
    const port = apart.server.metricsAddress?.port;
    const own = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(await own.text()).toContain("tally_requests_total");
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(404);
  });

  test("what is not there is 404, and the wrong method 405, both JSON", async () => {
    await using lab = await startLab();
    const missing = await fetch(`${lab.server.url}/nope?x=1`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ message: "nothing is at /nope" });
    const page = await fetch(`${lab.server.url}/healthz`, { method: "POST" });
    expect([page.status, page.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const rpc = await fetch(lab.server.url + ingestPath, { headers: auth });
    expect([rpc.status, rpc.headers.get("allow")]).toEqual([405, "POST"]);
    expect(await rpc.json()).toMatchObject({ code: "unimplemented" });
  });
});

describe("Connect on HTTP/1.1", () => {
  test("answers a GET of a method without side effects", async () => {
    await using lab = await startLab();
    const query = `connect=v1&encoding=json&message=${encodeURIComponent('{"branch":"main"}')}`;
    const path = pathOf(StatsService.method.listRuns);
    const headers = { authorization: "Bearer read" };
    const response = await fetch(`${lab.server.url}${path}?${query}`, { headers });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ runs: [{ runId: "main" }] });
    const bad = await fetch(`${lab.server.url}${path}?connect=v1&encoding=json&message=%7B`, {
      headers,
    });
    expect(bad.status).toBe(400);
    const refused = await fetch(`${lab.server.url}${path}?${query}`);
    expect(refused.status).toBe(401);
    expect(lab.contexts).toHaveLength(1);
  });

  test("advises instead of hanging where HTTP/1.1 or the content type does not do", async () => {
    await using lab = await startLab();
    const post = (method: string, type: string) =>
      fetch(`${lab.server.url}/tally.v1.IngestService/${method}`, {
        method: "POST",
        headers: { ...auth, "content-type": type },
        body: "{}",
      });
    for (const type of ["application/json", "application/connect+json"]) {
      const bidi = await post("PublishResults", type);
      expect(bidi.status).toBe(501);
      expect(await bidi.json()).toMatchObject({
        code: "unimplemented",
        message: expect.stringContaining("IngestRun"),
      });
    }
    const unaryOnStream = await post("UploadResults", "application/json");
    expect(unaryOnStream.status).toBe(415);
    expect(await unaryOnStream.json()).toMatchObject({
      message: expect.stringContaining("application/connect+json"),
    });
    expect((await post("IngestRun", "text/plain")).status).toBe(415);
  });

  test.each(["", "?encoding=xml&message="])(
    "says how a GET is made to one of GET…%s",
    async (query) => {
      await using lab = await startLab();
      const url = `${lab.server.url}/tally.v1.StatsService/GetRun${query}`;
      const answer = await fetch(url, { headers: { authorization: "Bearer read" } });
      expect(answer.status).toBe(415);
      expect(await answer.json()).toMatchObject({
        message: expect.stringContaining("?encoding=json&message="),
      });
      await until(() => requestLine(lab) !== undefined);
      expect(requestLine(lab)).toMatchObject({ method: "GetRun", code: "UNIMPLEMENTED" });
    },
  );

  test("refuses before the body, and a short body does not cost the connection", async () => {
    await using lab = await startLab();
    const socket = net.connect(lab.server.address);
    let answers = "";
    socket.on("data", (chunk) => {
      answers += chunk.toString();
    });
    const body = "x".repeat(1000);
    const head = (token: string, length: number) =>
      [
        `POST ${ingestPath} HTTP/1.1`,
        "host: x",
        `authorization: Bearer ${token}`,
        "content-type: application/json",
        `content-length: ${length}\r\n\r\n`,
      ].join("\r\n");
    socket.write(head("wrong", body.length));
    await until(() => answers.includes("unauthenticated"));
    socket.write(body);
    socket.write(`${head("ingest", 2)}{}`);
    await until(() => answers.includes("200 OK"));
    socket.destroy();
  });

  test("cuts a refused body that does not end", async () => {
    await using lab = await startLab();
    const socket = net.connect(lab.server.address);
    socket.on("error", () => {});
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(
      `POST ${ingestPath} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = `10000\r\n${"x".repeat(65536)}\r\n`;
    const writer = setInterval(() => socket.write(chunk), 1);
    await closed;
    clearInterval(writer);
    expect(answer).toContain("401");
    expect(socket.bytesWritten).toBeLessThan(64 * 1024 * 1024);
  });

  test("says 100 Continue only to a call that passes the guard", async () => {
    await using lab = await startLab();
    const ask = (token: string) =>
      `POST ${ingestPath} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n`;
    expect(await raw(lab, ask("wrong"))).toMatch(/^HTTP\/1.1 401/);
    const socket = net.connect(lab.server.address);
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.write(ask("ingest"));
    await until(() => answer.includes("100 Continue"));
    socket.write("{}");
    await until(() => answer.includes("200 OK"));
    socket.destroy();
  });

  test("an announced body over the limit is refused unread", async () => {
    await using lab = await startLab();
    const head = `POST ${ingestPath} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ingest\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n`;
    expect(await raw(lab, head)).toContain("MESSAGE_TOO_LARGE");
  });

  test("a body that nobody has announced is bounded by what a call without a token may send", async () => {
    await using lab = await startLab();
    const path = pathOf(IngestService.method.finishRun);
    const send = (length: number) => {
      const body = JSON.stringify({ runId: "x".repeat(length) });
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked`;
      return raw(lab, `${head}\r\n\r\n${chunk}`);
    };
    expect(await send(4000)).toMatch(/^HTTP\/1.1 200/);
    const refused = await send(5000);
    expect(refused).toMatch(/^HTTP\/1.1 429/);
    // No advice for those who send batches: this call takes none.
    expect(refused).toContain("larger than 4096 bytes, the most that this call takes at once");
  });
});

function requestLine(lab: Lab) {
  return lab.lines.find((line) => line["event"] === "request");
}

describe("CORS", () => {
  const origin = "https://app.example";
  const preflight = (lab: Lab, from: string) =>
    fetch(lab.server.url + ingestPath, {
      method: "OPTIONS",
      headers: { origin: from, "access-control-request-method": "POST" },
    });

  test("is off unless the origin is listed", async () => {
    await using off = await startLab();
    expect((await preflight(off, origin)).headers.has("access-control-allow-origin")).toBe(false);
    await using lab = await startLab({ corsOrigins: [origin] });
    const other = await preflight(lab, "https://evil.example");
    expect(other.headers.has("access-control-allow-origin")).toBe(false);
  });

  test("answers preflights and shows the protocols' headers", async () => {
    await using lab = await startLab({ corsOrigins: [origin] });
    const allowed = await preflight(lab, origin);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    const headers = allowed.headers.get("access-control-allow-headers")?.split(", ");
    const own = ["authorization", "idempotency-key", "tally-fault"];
    expect(headers).toEqual(expect.arrayContaining(own));
    const answer = await fetch(lab.server.url + ingestPath, {
      method: "POST",
      headers: { ...json, origin },
      body: "{}",
    });
    const exposed = answer.headers.get("access-control-expose-headers");
    expect(exposed?.toLowerCase()).toContain("grpc-status");
    expect(exposed).toContain("x-request-id");
  });
});

describe("raw doors", () => {
  const door: Door = {
    method: "POST",
    path: "/v1/runs/{run_id}/reports",
    access: "ingest",
    async handle({ params, query, headers, body }, context) {
      let size = 0;
      for await (const chunk of body) size += chunk.length;
      if (size === 0) throw invalidArgument([{ field: "body", description: "is empty" }]);
      if (query.get("format") === "boom") throw new Error("secret cause");
      const project =
        context.principal?.kind === "project" ? context.principal.projectId : undefined;
      return {
        status: 201,
        body: { run: params["run_id"], size, project, type: headers["content-type"] },
        headers: { "x-extra": "1" },
      };
    },
  };
  const post = (lab: Lab, path: string, init: RequestInit = {}) =>
    fetch(lab.server.url + path, { method: "POST", headers: auth, body: "<xml/>", ...init });

  test("give their handler the path, the query and the body, behind the guard", async () => {
    await using lab = await startLab({ doors: [door] });
    const path = "/v1/runs/a%2Fb/reports?format=junit";
    const response = await post(lab, path);
    expect(response.status).toBe(201);
    expect(response.headers.get("x-extra")).toBe("1");
    expect(response.headers.get("x-request-id")).toMatch(/^req-/);
    expect(await response.json()).toMatchObject({ run: "a/b", size: 6, project: "p1" });
    expect((await post(lab, path, { headers: {} })).status).toBe(401);
    expect((await post(lab, path, { headers: { authorization: "Bearer read" } })).status).toBe(403);
    expect((await post(lab, path, { method: "PUT" })).status).toBe(405);
    expect((await post(lab, "/v1/runs/reports")).status).toBe(404);
    expect((await post(lab, "/v1/runs/%ff/reports")).status).toBe(404);
  });

  test("refuse a packed body instead of reading it as it is", async () => {
    await using lab = await startLab({ doors: [door] });
    const packed = await post(lab, "/v1/runs/r/reports", {
      headers: { ...auth, "content-encoding": "gzip" },
    });
    expect(packed.status).toBe(415);
    expect(await packed.json()).toMatchObject({
      code: "unimplemented",
      message: 'content-encoding "gzip" is not supported: send the body as it is',
    });
    const plain = { ...auth, "content-encoding": "identity" };
    expect((await post(lab, "/v1/runs/r/reports", { headers: plain })).status).toBe(201);
  });

  test("answer errors as Connect does", async () => {
    await using lab = await startLab({ doors: [door] });
    const empty = await post(lab, "/v1/runs/r/reports", { body: "" });
    expect(empty.status).toBe(400);
    expect(await empty.json()).toMatchObject({
      code: "invalid_argument",
      details: [{ type: "google.rpc.ErrorInfo" }, { type: "google.rpc.BadRequest" }],
    });
    const bug = await post(lab, "/v1/runs/r/reports?format=boom");
    expect(bug.status).toBe(500);
    expect(await bug.text()).not.toContain("secret");
    await until(() => lab.lines.filter((line) => line["event"] === "request").length === 2);
    expect(lab.lines.find((line) => line["event"] === "request")).toMatchObject({
      protocol: "http",
      method: "POST /v1/runs/{run_id}/reports",
      code: "INVALID_ARGUMENT",
    });
  });

  test("throw in the body's stream when the server drains", async () => {
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const slow: Door = {
      ...door,
      async handle({ body, ...rest }, context) {
        async function* chunks() {
          for await (const chunk of body) {
            begin();
            yield chunk;
          }
        }
        return door.handle({ body: chunks(), ...rest }, context);
      },
    };
    const lab = await startLab({ doors: [slow] });
    const socket = net.connect(lab.server.address);
    const closed = once(socket, "close");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.write(
      "POST /v1/runs/r/reports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ingest\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
    );
    await begun;
    await lab.server.drain();
    await closed;
    expect(answer).toContain("503");
    expect(answer).toContain("DRAINING");
  });
});

describe("rates and addresses", () => {
  test("over its project's rate a call is RESOURCE_EXHAUSTED with a hint", async () => {
    let now = 1_700_000_000_000;
    await using lab = await startLab({ now: () => now });
    const call = (token: string) =>
      fetch(lab.server.url + ingestPath, {
        method: "POST",
        headers: { ...json, authorization: `Bearer ${token}` },
        body: "{}",
      });
    expect((await call("throttled")).status).toBe(200);
    expect((await call("throttled")).status).toBe(200);
    const refused = await call("throttled");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("grpc-retry-pushback-ms")).toBe("1000");
    expect(await refused.text()).toContain("RATE_LIMITED");
    expect((await call("ingest")).status).toBe(200);
    now += 1000;
    expect((await call("throttled")).status).toBe(200);
    expect((await call("throttled")).status).toBe(429);
  });

  test("a client's address is believed from trusted proxies alone", async () => {
    const address = async (trustedProxies: string[], forwardedFor: string) => {
      await using lab = await startLab({ trustedProxies });
      await fetch(lab.server.url + ingestPath, {
        method: "POST",
        headers: { ...json, "x-forwarded-for": forwardedFor },
        body: "{}",
      });
      return lab.contexts[0]?.address;
    };
    expect(await address([], "1.2.3.4")).toBe("127.0.0.1");
    expect(await address(["10.0.0.0/8"], "1.2.3.4")).toBe("127.0.0.1");
    expect(await address(["127.0.0.1"], "6.6.6.6, 1.2.3.4")).toBe("1.2.3.4");
    expect(await address(["127.0.0.0/8", "1.2.3.4"], "6.6.6.6, 1.2.3.4")).toBe("6.6.6.6");
    await expect(startLab({ trustedProxies: ["proxy"] })).rejects.toThrow('"proxy"');
  });
});

test("a call whose answer cannot be written leaves nothing behind", async () => {
  await using lab = await startLab();
  const run = { runId: "unwritable" };
  await callUnary(lab, "grpc-web", IngestService.method.ingestRun, { run });
  expect(lab.lines).toContainEqual(expect.objectContaining({ code: "NOT_FOUND" }));
  // What stays holds up the stop.
  const startedAt = performance.now();
  await lab.server.drain();
  expect(performance.now() - startedAt).toBeLessThan(limits.drainTimeoutMs);
});

test("a call whose error quotes half a character is answered", async () => {
  await using lab = await startLab();
  const body = Buffer.from('{"\\ud800":1}');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  const path = pathOf(IngestService.method.finishRun);
  const response = await fetch(lab.server.url + path, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+json" },
    body: Buffer.concat([head, body]),
  });
  expect(response.status).toBe(200);
  const trailers = Buffer.from(await response.arrayBuffer()).toString();
  expect(trailers).toContain("grpc-status: 3");
  expect(decodeURIComponent(trailers)).toContain("is not a known field");
});
