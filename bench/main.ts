/**
 * `npm run bench -- [--smoke] [--json] [NAME…]`: measures a server of its own, in a process of its own, over an
 * embedded Postgres, with the typed client. Client, server and database share the machine.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Figure, figures } from "./figures.js";
import { startBenchServer } from "./server.js";

const { values, positionals } = parseArgs({
  options: { smoke: { type: "boolean" }, json: { type: "boolean" } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  console.error(`no such figure: ${unknown.join(", ")}; there are`);
  for (const { name, description } of figures) console.error(`  ${name}  ${description}`);
  process.exit(2);
}
const wanted = figures.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

await using server = await startBenchServer();
for (const figure of wanted) print(figure, await figure.measure(server, values.smoke ?? false));

/** One line a figure: JSON, or for people. */
function print(
  { name }: Figure,
  { value, unit, conditions }: Awaited<ReturnType<Figure["measure"]>>,
) {
  const [cpu] = cpus();
  const where = `${conditions}; ${cpus().length} × ${cpu?.model ?? "unknown"}, Node ${process.version}`;
  console.log(
    values.json === true
      ? JSON.stringify({ name, value, unit, conditions: where })
      : `${name}: ${Math.round(value).toLocaleString("en")} ${unit} (${where})`,
  );
}
