import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compressFolder } from "../../scripts/compress-folder.js";
import { readWebFiles } from "../../src/server/web-files.js";
import { type Lab, startLab } from "./support.js";

const SCRIPT = "/assets/index-4f2a.js";
const files: Readonly<Record<string, Buffer>> = {
  "index.html": Buffer.from(`<!doctype html><title>Tally</title>${"<p>same</p>".repeat(50)}`),
  "icon.svg": Buffer.from("<svg/>"),
  "assets/index-4f2a.js": Buffer.from("console.log('same');\n".repeat(500)),
  "assets/photo-91bc.png": randomBytes(500),
  "assets/odd-77aa.bin": Buffer.from("odd"),
};

let folder: string;
let lab: Lab;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-web-"));
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  compressFolder(folder);
  lab = await startLab({ webFiles: await readWebFiles(folder) });
});
afterAll(async () => {
  await lab.server.drain();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends the path as it is, and changes nothing of the answer. */
async function send(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
  { server } = lab,
): Promise<Answer> {
  const { host, port } = server.address;
  const sent = request({ host, port, path, method, headers, agent: false }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const body = await buffer(answer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body };
}

const html = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
const index = files["index.html"] ?? Buffer.alloc(0);
const script = files["assets/index-4f2a.js"] ?? Buffer.alloc(0);
const isNothing = ({ status, headers }: Answer) =>
  status === 404 && headers["content-type"] === "application/json";

describe("the build", () => {
  it("packs what becomes smaller by it, and can do so again", async () => {
    const packed = async () =>
      (await readdir(folder, { recursive: true })).filter((name) => /\.(br|gz)$/.test(name)).sort();
    const expected = [
      "assets/index-4f2a.js.br",
      "assets/index-4f2a.js.gz",
      "index.html.br",
      "index.html.gz",
    ];
    expect(await packed()).toEqual(expected);
    const bytes = await readFile(join(folder, "index.html.br"));
    await writeFile(join(folder, "icon.svg.br"), "of an older build");
    compressFolder(folder);
    expect(await packed()).toEqual(expected);
    expect(await readFile(join(folder, "index.html.br"))).toEqual(bytes);
  });
});

describe("a file", () => {
  it("comes packed as the client likes it", async () => {
    const brotli = await send(SCRIPT, { "accept-encoding": "gzip, deflate, br" });
    expect(brotli.headers).toMatchObject({
      "content-encoding": "br",
      "content-length": String(brotli.body.length),
      "content-type": "text/javascript; charset=utf-8",
      vary: "accept-encoding",
    });
    expect(brotliDecompressSync(brotli.body)).toEqual(script);
    const gzip = await send(SCRIPT, { "accept-encoding": "br;q=0, gzip" });
    expect(gzip.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(gzip.body)).toEqual(script);
    expect(brotli.body.length).toBeLessThan(gzip.body.length);
    for (const accepted of [{}, { "accept-encoding": "identity" }]) {
      const plain = await send(SCRIPT, accepted);
      expect(plain.headers).not.toHaveProperty("content-encoding");
      expect(plain.headers.vary).toBe("accept-encoding");
      expect(plain.body).toEqual(script);
    }
    const tags = [brotli, gzip, await send(SCRIPT)].map(({ headers }) => headers.etag);
    expect(new Set(tags).size).toBe(3);
  });

  it("comes as it is where packing does not help", async () => {
    const photo = await send("/assets/photo-91bc.png", { "accept-encoding": "br, gzip" });
    expect(photo.headers).not.toHaveProperty("content-encoding");
    expect(photo.headers["content-type"]).toBe("image/png");
    expect(photo.body).toEqual(files["assets/photo-91bc.png"]);
    const odd = await send("/assets/odd-77aa.bin");
    expect(odd.headers["content-type"]).toBe("application/octet-stream");
  });

  it("is kept for ever where its name has its hash, and asked for anew elsewhere", async () => {
    const cached = async (path: string) => (await send(path)).headers["cache-control"];
    expect(await cached(SCRIPT)).toBe("public, max-age=31536000, immutable");
    for (const path of ["/", "/index.html", "/icon.svg"]) {
      expect(await cached(path)).toBe("no-cache");
    }
  });

  it("is not sent again to who has it", async () => {
    const packed = { "accept-encoding": "br" };
    const first = await send("/", packed);
    const etag = first.headers.etag ?? "";
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await send("/", { ...packed, "if-none-match": known });
      expect(again.status).toBe(304);
      expect(again.body).toHaveLength(0);
      expect(again.headers).toMatchObject({ etag, "cache-control": "no-cache" });
      expect(again.headers["content-security-policy"]).toBeDefined();
      expect(again.headers).not.toHaveProperty("content-encoding");
    }
    for (const headers of [{ ...packed, "if-none-match": '"other"' }, { "if-none-match": etag }]) {
      expect((await send("/", headers)).status).toBe(200);
    }
  });

  it("answers HEAD without its body, and no other method", async () => {
    const { headers, body, status } = await send(SCRIPT, { "accept-encoding": "br" }, "HEAD");
    expect([status, body.length]).toEqual([200, 0]);
    const got = await send(SCRIPT, { "accept-encoding": "br" });
    expect(headers["content-length"]).toBe(String(got.body.length));
    expect(headers.etag).toBe(got.headers.etag);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      for (const path of ["/", SCRIPT]) {
        const refused = await send(path, {}, method);
        expect([refused.status, refused.headers.allow]).toEqual([405, "GET, HEAD"]);
      }
    }
  });

  it("lets nothing run that is not the dashboard's", async () => {
    const policy =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for (const path of ["/", SCRIPT, "/projects/prj_a"]) {
      const { status, headers } = await send(path, html);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
      });
      expect(headers["permissions-policy"]).toContain("camera=()");
    }
  });

  it("varies by origin too where other pages may call", async () => {
    await using open = await startLab({
      webFiles: await readWebFiles(folder),
      corsOrigins: ["https://app.example"],
    });
    const { headers } = await send("/", { origin: "https://app.example" }, "GET", open);
    expect(headers.vary).toBe("origin, accept-encoding");
  });
});

describe("a route of the page", () => {
  it.each(["/projects", "/projects/prj_a/runs/build%2F1?tab=failures", "/projects/a.b/runs"])(
    "%s gets the page where a browser opens it",
    async (path) => {
      const { status, headers, body } = await send(path, html);
      expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
      expect(headers).toMatchObject({
        "cache-control": "no-cache",
        vary: "accept, accept-encoding",
      });
      expect(body).toEqual(index);
      expect((await send(path, html, "HEAD")).status).toBe(200);
      expect(isNothing(await send(path))).toBe(true);
      expect(isNothing(await send(path, { accept: "application/json" }))).toBe(true);
      expect(isNothing(await send(path, html, "POST"))).toBe(true);
    },
  );

  it.each([
    "/assets/index-gone.js",
    "/assets/gone",
    "/favicon.png",
    "/projects/a.b",
    "/v1/nothing",
    "/tally.v1.StatsService/Nothing",
    "/index.html.br",
    "/assets/index-4f2a.js.gz",
  ])("is not %s", async (path) => {
    expect(isNothing(await send(path, html))).toBe(true);
  });

  it("is no page, door or RPC, and not where the metrics are elsewhere", async () => {
    expect((await send("/healthz", html)).headers["content-type"]).toBe("application/json");
    const caller = { ...html, authorization: "Bearer ingest" };
    expect((await send("/tally.v1.IngestService/IngestRun", caller)).status).toBe(405);
    await using apart = await startLab({
      webFiles: await readWebFiles(folder),
      metricsListen: { host: "127.0.0.1", port: 0 },
    });
    expect(isNothing(await send("/metrics", html, "GET", apart))).toBe(true);
  });
});

it.each([
  "/assets/../../package.json",
  "/assets/../package.json",
  "/../../../../etc/passwd",
  "/%2e%2e/%2e%2e/package.json",
  "/assets/%2e%2e%2f%2e%2e%2fpackage.json",
  "/assets/..%5c..%5cpackage.json",
  "/./index.html",
  "//index.html",
  "/assets/",
  "/index.html%00.js",
])("reaches nothing outside by %s", async (path) => {
  for (const headers of [{}, html]) {
    const answer = await send(path, headers);
    const isPage = answer.status === 200 && answer.body.equals(index);
    expect(isNothing(answer) || isPage).toBe(true);
    if (!("accept" in headers)) expect(isPage).toBe(false);
  }
});

it("is said not to be built where there is no folder", async () => {
  const webFiles = await readWebFiles(join(folder, "none"));
  await using empty = await startLab({ webFiles });
  const answer = await send("/", html, "GET", empty);
  expect(isNothing(answer)).toBe(true);
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    message: "the dashboard was not built: npm run build makes it",
  });
  expect(isNothing(await send("/projects", html, "GET", empty))).toBe(true);
});

it("goes on while the server drains, on connections that close", async () => {
  const draining = await startLab({ webFiles: await readWebFiles(folder) });
  const { host, port } = draining.server.address;
  const socket = connect({ host, port });
  await once(socket, "connect");
  // The answer to the first says that the server has read the half of the second, too.
  socket.write("HEAD / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n");
  await once(socket, "data");
  const drained = draining.server.drain();
  socket.write("\r\n");
  const answer = String(await buffer(socket));
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  expect(answer).toMatch(/connection: close/i);
  await drained;
});
