/** CTRF, the Common Test Report Format (https://ctrf.io), read a test at a time. */
import { type Attempts, createAttempts } from "./attempts.js";
import { checkCtrfTest, type Unkept, unkeptText } from "./ctrf-fields.js";
import { testResults } from "./ctrf-test.js";
import { createJsonSplitter, type JsonElement } from "./json-elements.js";
import { createWarnings, ReportDamage, type ReportItem } from "./report-item.js";

/**
 * The results and warnings of a CTRF file, in its order. Throws ReportDamage where the file is damaged, after
 * every test before the damage.
 */
export async function* parseCtrf(
  bytes: AsyncIterable<Uint8Array>,
  attempts: Attempts = createAttempts(),
): AsyncGenerator<ReportItem> {
  const items: ReportItem[] = [];
  const warnings = createWarnings((item) => items.push(item));
  const splitter = createJsonSplitter(["results", "tests"]);
  const decoder = new TextDecoder();
  const unkept: Unkept = new Map();
  let count = 0;

  function close(line: number): void {
    const text = unkeptText(unkept);
    if (text !== undefined) warnings.add(line, text);
    warnings.close(line);
  }

  function read(elements: readonly JsonElement[]): void {
    for (const { line, text } of elements) {
      const value = parseJson(text, line);
      const test = asObject(value);
      if (test === undefined) throw new ReportDamage(line, 0, "a test is no JSON object");
      count++;
      const warn = (message: string) => warnings.add(line, message);
      checkCtrfTest(test, unkept, warn);
      // Its tries are listed inside it: the same test once more is one that ran beside it, as in another browser.
      items.push(...testResults(test, line, attempts, attempts.openScope(), warn));
    }
  }

  try {
    for await (const chunk of bytes) {
      read(splitter.write(decoder.decode(chunk, { stream: true })));
      yield* items.splice(0);
    }
    read(splitter.write(decoder.decode()));
    const report = asObject(parseJson(splitter.end(), 1));
    const results = asObject(report?.["results"]);
    if (!Array.isArray(results?.["tests"])) {
      throw new ReportDamage(1, 0, "this is no CTRF report: it has no results.tests");
    }
    const reportFormat = report?.["reportFormat"];
    if (reportFormat !== undefined && reportFormat !== "CTRF") {
      warnings.add(1, "its reportFormat is not CTRF");
    }
    const stated = asObject(results["summary"])?.["tests"];
    if (typeof stated === "number" && stated !== count) {
      warnings.add(1, `results.summary states ${stated} tests and the file contains ${count}`);
    }
  } catch (error) {
    if (!(error instanceof ReportDamage)) throw error;
    close(error.line);
    yield* items.splice(0);
    throw error;
  }
  close(splitter.line);
  yield* items.splice(0);
}

function parseJson(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
    const lines = text.slice(0, position).split("\n").length - 1;
    throw new ReportDamage(line + lines, 0, message.slice(0, 200));
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
