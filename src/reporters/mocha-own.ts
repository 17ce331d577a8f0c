/** Mocha has one reporter; the one that prints runs beside ours. */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { ReporterClass } from "./mocha-types.js";
import { say } from "./reporting.js";

/**
 * The reporter of a name, as Mocha finds it: one of its own, a package or a file; `spec` where there is none of the
 * name. Undefined for `none`.
 */
export function findReporter(name: unknown): ReporterClass | undefined {
  if (name === "none") return undefined;
  if (typeof name === "function") return name as ReporterClass;
  const wanted = typeof name === "string" && name !== "" ? name : "spec";
  const own = mochasOwn();
  const project = createRequire(join(process.cwd(), "package.json"));
  const found =
    classOf(() => Object.hasOwn(own, wanted) && own[wanted]) ??
    classOf(() => project(wanted)) ??
    classOf(() => project(resolve(wanted)));
  if (found === undefined) say(`there is no reporter ${wanted} for Mocha, so "spec" prints`);
  return found ?? classOf(() => own["spec"]);
}

/** Of the Mocha that runs, else of the one that the project has. */
function mochasOwn(): Record<string, unknown> {
  const places = [process.argv[1] ?? "", join(process.cwd(), "package.json")];
  for (const place of places) {
    try {
      const mocha = createRequire(resolve(place))("mocha");
      return (mocha.default ?? mocha).reporters;
    } catch {
      // The next place.
    }
  }
  return {};
}

/** The class that a step finds, or the default of the module that it finds. */
function classOf(find: () => unknown): ReporterClass | undefined {
  try {
    const found = find() as { readonly default?: unknown };
    const reporter = found.default ?? found;
    return typeof reporter === "function" ? (reporter as ReporterClass) : undefined;
  } catch {
    return undefined;
  }
}
