/**
 * `npm run bench -- [--smoke] [--json] [--write] [NAME…]`: measures a server of its own, in a process of its own,
 * over an embedded Postgres. Client, server and database share the machine.
 */
import { parseArgs } from "node:util";
import type { Figure, Measurement } from "./figure.js";
import { auth } from "./figures/auth.js";
import { eventsQueueAck } from "./figures/events-queue-ack.js";
import { eventsStats } from "./figures/events-stats.js";
import { eventsStream } from "./figures/events-stream.js";
import { fairness } from "./figures/fairness.js";
import { foldResultsFigure } from "./figures/fold-results.js";
import { ingestStream } from "./figures/ingest-stream.js";
import { ingestUnary } from "./figures/ingest-unary.js";
import { ingestUnaryC } from "./figures/ingest-unary-c.js";
import { memoryStream } from "./figures/memory-stream.js";
import { recovery } from "./figures/recovery.js";
import { reporterOverhead } from "./figures/reporter-overhead.js";
import { rpcOverhead } from "./figures/rpc-overhead.js";
import { sessionStream } from "./figures/session-stream.js";
import { stats } from "./figures/stats.js";
import { machine, ratioOf, writeTable } from "./report.js";
import { startBenchServer } from "./server.js";

/** Every figure, in the order of measuring. */
const figures: readonly Figure[] = [
  fairness,
  ingestStream,
  sessionStream,
  reporterOverhead,
  ingestUnary,
  ingestUnaryC,
  eventsStream,
  eventsQueueAck,
  rpcOverhead,
  auth,
  eventsStats,
  stats,
  foldResultsFigure,
  recovery,
  memoryStream,
];

const { values, positionals } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  console.error(`no such figure: ${unknown.join(", ")}; there are`);
  for (const { name, description } of figures) console.error(`  ${name}  ${description}`);
  process.exit(2);
}
const wanted = figures.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

const measured: Measurement[] = [];
for (const group of values.smoke ? groupsOf(wanted) : wanted.map((figure) => [figure])) {
  // A server and a database each: what one figure leaves behind is no part of the next.
  await using server = await startBenchServer(group[0]?.env);
  for (const figure of group) {
    for (const measurement of await figure.measure(server, values.smoke)) {
      print(measurement);
      measured.push(measurement);
    }
  }
}
if (values.write) await writeTable(measured);

/** For a smoke run, whose values mean nothing: one server for all figures that need no settings of their own. */
function groupsOf(all: readonly Figure[]): (readonly Figure[])[] {
  const plain = all.filter(({ env }) => env === undefined);
  const others = all.filter(({ env }) => env !== undefined).map((figure) => [figure]);
  return plain.length === 0 ? others : [plain, ...others];
}

/** One line a figure: JSON, or for people. */
function print(measurement: Measurement): void {
  const { name, value, unit, limit, conditions } = measurement;
  const ratio = ratioOf(measurement);
  if (values.json) {
    const where = `${conditions}; ${machine()}`;
    console.log(JSON.stringify({ name, value, unit, limit, ratio, conditions: where }));
    return;
  }
  const share = ratio === null ? "" : `, ${ratio.toFixed(2)} of the limit`;
  const shown = value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  console.log(`${name}: ${shown} ${unit}${share} (${conditions})`);
}
