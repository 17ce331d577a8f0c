/**
 * A process that tries wrong tokens at a steady rate, over gRPC and HTTP by turns, as from many addresses: the
 * server trusts it as a proxy. When it is told to end it prints how often each answer came.
 */
import { randomBytes, randomInt } from "node:crypto";
import { connect } from "node:http2";
import { parseArgs } from "node:util";
import { crc32 } from "node:zlib";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    /** Ids `<prefix>1` to `<prefix><count>` exist. */
    prefix: { type: "string", default: "" },
    count: { type: "string", default: "1" },
    perSecond: { type: "string", default: "100" },
  },
});
const PATH = "/tally.v1.StatsService/ListRuns";
const ADDRESSES = 200;

/** @type {Record<string, number>} */
const answers = {};
/** @param {string} answer */
const note = (answer) => {
  answers[answer] = (answers[answer] ?? 0) + 1;
};

/** @param {string} id */
function wellFormed(id) {
  const body = `tly_proj_${id}_${randomBytes(32).toString("hex")}`;
  return `${body}_${crc32(body).toString(16).padStart(8, "0")}`;
}
const known = () => `${values.prefix}${randomInt(1, Number(values.count) + 1)}`;
const kinds = [
  // Nothing like a token; long enough to be an operator's own text.
  () => randomBytes(30).toString("base64url"),
  // A wrong checksum.
  () => `tly_proj_${known()}_${randomBytes(36).toString("hex").slice(0, 64)}_00000000`,
  () => wellFormed(randomBytes(10).toString("hex")),
  // Known ids: one again and again, and all of them.
  () => wellFormed(`${values.prefix}1`),
  () => wellFormed(known()),
];

const session = connect(values.url);
session.on("error", (error) => note(String(error)));

/** @param {Record<string, string>} headers */
function overGrpc(headers) {
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  // A refused call has one block of headers, which are its trailers as well.
  for (const event of /** @type {const} */ (["response", "trailers"])) {
    stream.on(event, (/** @type {Record<string, unknown>} */ received) => {
      const status = received["grpc-status"];
      if (status !== undefined) note(`grpc ${status}`);
    });
  }
  stream.on("error", (error) => note(String(error)));
  stream.end(Buffer.alloc(5));
  stream.resume();
}

/** @param {Record<string, string>} headers */
async function overHttp(headers) {
  try {
    const response = await fetch(values.url + PATH, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: "{}",
    });
    await response.arrayBuffer();
    note(`http ${response.status}`);
  } catch (error) {
    note(String(error));
  }
}

const startedAt = performance.now();
let sent = 0;
const timer = setInterval(() => {
  const due = ((performance.now() - startedAt) * Number(values.perSecond)) / 1000;
  for (; sent < due; sent++) {
    const text = kinds[sent % kinds.length]?.() ?? "";
    const headers = {
      authorization: `Bearer ${text}`,
      "x-forwarded-for": `10.0.0.${randomInt(ADDRESSES)}`,
    };
    if (randomInt(2) === 0) overGrpc(headers);
    else void overHttp(headers);
  }
}, 10);
process.once("SIGTERM", () => {
  clearInterval(timer);
  console.log(JSON.stringify({ sent, answers }));
  process.exit(0);
});
