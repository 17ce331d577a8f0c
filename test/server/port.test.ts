import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { callGrpcBytes, type Lab, pathOf, raw, startLab, until } from "./support.js";

const HEALTHZ = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

describe("one port", () => {
  test("tells HTTP/2 by its preface, however slowly it comes", async () => {
    await using lab = await startLab();
    const socket = net.connect(lab.server.address);
    let answer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
    });
    for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // An empty SETTINGS frame, which the server answers by its own.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    await until(() => answer.length >= 9);
    expect(answer.readUInt8(3)).toBe(4);
    socket.destroy();
  });

  test("serves HTTP/1.1 whose head comes in pieces", async () => {
    await using lab = await startLab();
    const socket = net.connect(lab.server.address);
    const answer = new Promise<string>((resolve) => {
      socket.once("data", (chunk) => resolve(chunk.toString()));
    });
    for (const piece of ["P", "OS", "T /heal", "thz HTTP/1.1\r\nhost: x\r\n\r\n"]) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await answer).toContain("405");
    socket.destroy();
  });

  test("closes a connection that says nothing, or half a preface, or half a head", async () => {
    await using lab = await startLab({ timeouts: { headersTimeoutMs: 3_000 } });
    const sent = ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\n"];
    expect(await Promise.all(sent.map((text) => raw(lab, text)))).toEqual([
      "",
      "",
      expect.stringContaining("408"),
    ]);
  });

  test("takes so many connections at a time, and says once a minute how many it refused", async () => {
    let now = 0;
    await using lab = await startLab({ maxConnections: 2, now: () => now });
    const { address } = lab.server;
    const held = [net.connect(address), net.connect(address)];
    await Promise.all(held.map((socket) => once(socket, "connect")));
    const refused = () =>
      once(
        net
          .connect(address)
          .resume()
          .on("error", () => {}),
        "close",
      );
    const told = () => lab.lines.filter(({ event }) => event === "connections_refused");
    for (let i = 0; i < 3; i++) await refused();
    expect(told()).toMatchObject([{ count: 1, max_connections: 2 }]);
    now += 60_000;
    await refused();
    expect(told()).toMatchObject([{ count: 1 }, { count: 3 }]);
    expect((await lab.metrics.connectionsRefused.get()).values).toMatchObject([{ value: 4 }]);
    for (const socket of held) socket.destroy();
    await expect.poll(() => raw(lab, HEALTHZ)).toContain("healthy");
  });

  test("does not crash on HTTP/1.0 without a Host", async () => {
    await using lab = await startLab();
    const answer = await raw(lab, `POST ${pathOf(ingestRun)} HTTP/1.0\r\n\r\n`);
    expect(answer).toContain("401");
    expect(await raw(lab, HEALTHZ)).toContain("healthy");
  });

  test("that is taken is a clear error", async () => {
    await using lab = await startLab();
    await expect(startLab({ listen: lab.server.address })).rejects.toThrow(
      `127.0.0.1:${lab.server.address.port} is in use; set TALLY_PORT or TALLY_LISTEN`,
    );
  });

  test("that the machine does not have is a clear error", async () => {
    await expect(startLab({ listen: { host: "192.0.2.1", port: 0 } })).rejects.toThrow(
      /^192\.0\.2\.1:0 cannot be had: .*EADDRNOTAVAIL.*; set TALLY_PORT or TALLY_LISTEN$/,
    );
    const metricsListen = { host: "192.0.2.1", port: 0 };
    await expect(startLab({ metricsListen })).rejects.toThrow(/; set TALLY_METRICS_LISTEN$/);
  });

  test("can be joined by one that speaks HTTP/2 alone", async () => {
    await using lab = await startLab({ grpcListen: { host: "127.0.0.1", port: 0 } });
    const { grpcAddress } = lab.server;
    if (grpcAddress === undefined) throw new Error("not bound");
    const client = new Client(
      `${grpcAddress.host}:${grpcAddress.port}`,
      credentials.createInsecure(),
    );
    expect((await callGrpcBytes(client, ingestRun, Buffer.alloc(0))).code).toBe("OK");
    client.close();
    const other = { ...lab, server: { ...lab.server, address: grpcAddress } };
    const answer = raw(other, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(await answer.catch(() => "")).toBe("");
  });
});

describe("TLS", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tally-tls-"));
    for (const name of ["a", "b"]) {
      execFileSync(
        "openssl",
        [
          ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
          ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
          ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.crt`)],
        ],
        { stdio: "ignore" },
      );
    }
    cpSync(join(folder, "a.key"), join(folder, "live.key"));
    cpSync(join(folder, "a.crt"), join(folder, "live.crt"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const startTls = () =>
    startLab({
      tls: { certFile: join(folder, "live.crt"), keyFile: join(folder, "live.key") },
      timeouts: { certificatePollMs: 50 },
    });

  test("chooses by ALPN: http/1.1 where offered, gRPC for h2 alone", async () => {
    await using lab = await startTls();
    expect(await alpn(lab, ["h2", "http/1.1"])).toBe("http/1.1");
    expect(await alpn(lab, ["h2"])).toBe("h2");
    expect(await alpn(lab, undefined)).toBe(false);
    const body = await new Promise<string>((resolve, reject) => {
      const url = `${lab.server.url}/healthz`;
      request(url, { rejectUnauthorized: false }, (res) => {
        res.on("data", (chunk: Buffer) => resolve(chunk.toString()));
      })
        .on("error", reject)
        .end();
    });
    expect(body).toContain("healthy");
    const { host, port } = lab.server.address;
    const roots = readFileSync(join(folder, "live.crt"));
    const client = new Client(`${host}:${port}`, credentials.createSsl(roots));
    expect((await callGrpcBytes(client, ingestRun, Buffer.alloc(0))).code).toBe("OK");
    client.close();
  });

  test("names the setting whose file is none, or does not fit", async () => {
    const [cert, key, other] = ["a.crt", "a.key", "b.key"].map((name) => join(folder, name));
    const start = (certFile = "", keyFile = "") => startLab({ tls: { certFile, keyFile } });
    const none = join(folder, "none.pem");
    await expect(start(none, key)).rejects.toThrow(`TALLY_TLS_CERT=${none} cannot be used: ENOENT`);
    await expect(start(key, key)).rejects.toThrow(`TALLY_TLS_CERT=${key} cannot be used: `);
    await expect(start(cert, none)).rejects.toThrow(`TALLY_TLS_KEY=${none} cannot be used: ENOENT`);
    await expect(start(cert, other)).rejects.toThrow(`TALLY_TLS_KEY=${other} cannot be used: `);
  });

  test("reloads renewed files", async () => {
    await using lab = await startTls();
    expect(await commonName(lab)).toBe("a");
    cpSync(join(folder, "b.key"), join(folder, "live.key"));
    await until(() => lab.lines.some((line) => line["event"] === "certificate_unreadable"));
    cpSync(join(folder, "b.crt"), join(folder, "live.crt"));
    await until(() => lab.lines.some((line) => line["event"] === "certificate_reloaded"));
    expect(await commonName(lab)).toBe("b");
    cpSync(join(folder, "a.key"), join(folder, "live.key"));
    cpSync(join(folder, "a.crt"), join(folder, "live.crt"));
  });

  test("an HTTP/2 client that is no gRPC client is told by its status", async () => {
    await using lab = await startTls();
    const session = connectHttp2(lab.server.url, { rejectUnauthorized: false });
    const status = await new Promise((resolve) => {
      session.request({ ":path": "/healthz" }).on("response", (headers) => {
        resolve(headers[":status"]);
      });
    });
    expect(status).toBe(415);
    session.destroy();
  });
});

const { ingestRun } = IngestService.method;

function handshake<T>(
  lab: Lab,
  ALPNProtocols: string[] | undefined,
  read: (socket: tls.TLSSocket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const options = { ...lab.server.address, rejectUnauthorized: false };
    const socket = tls.connect(
      ALPNProtocols === undefined ? options : { ...options, ALPNProtocols },
      () => {
        resolve(read(socket));
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

function alpn(lab: Lab, protocols: string[] | undefined): Promise<string | false | null> {
  return handshake(lab, protocols, (socket) => socket.alpnProtocol);
}

function commonName(lab: Lab): Promise<string | string[] | undefined> {
  return handshake(lab, undefined, (socket) => socket.getPeerCertificate().subject.CN);
}
