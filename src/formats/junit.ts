/** JUnit XML in the dialects of many tools, read a test case at a time. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import { type Attempts, createAttempts } from "./attempts.js";
import { decodeXml } from "./decode-xml.js";
import {
  attribute,
  caseResults,
  type Outcome,
  type OutcomeKind,
  type TestCase,
} from "./junit-case.js";
import { append, emptyText, type KeptText } from "./kept-text.js";
import { createWarnings, ReportDamage, type ReportItem } from "./report-item.js";
import { createXmlReader, type XmlAttributes, type XmlHandler } from "./xml-reader.js";

/**
 * The results and warnings of a JUnit file, in its order. Throws ReportDamage where the file is damaged, after
 * everything before the damage, including a test case that is cut off once it is known not to have passed.
 */
export async function* parseJunit(
  bytes: AsyncIterable<Uint8Array>,
  attempts: Attempts = createAttempts(),
): AsyncGenerator<ReportItem> {
  const items: ReportItem[] = [];
  const handler = createJunitHandler(attempts, (item) => items.push(item));
  const reader = createXmlReader(handler);
  try {
    for await (const piece of decodeXml(bytes)) {
      reader.write(piece);
      yield* items.splice(0);
    }
    reader.end();
    handler.finish(reader.line);
  } catch (error) {
    if (!(error instanceof ReportDamage)) throw error;
    handler.salvage(error.line);
    yield* items.splice(0);
    throw error;
  }
  yield* items.splice(0);
}

interface Suite {
  readonly element: string;
  readonly scope: number;
  readonly name: string;
  readonly line: number;
  readonly file: string;
  readonly timestamp: string;
  readonly stated: string;
  browser: string;
  /** Test cases directly in it, and at any depth. */
  ownCount: number;
  allCount: number;
  readonly statedFailures: number;
  /** Whether the file says of anything in it that it failed, or lacks that it does. */
  hasFailure: boolean;
  /** What went wrong with the suite itself, as Ant says of a class that does not load. */
  own: TestCase | undefined;
}

interface JunitHandler extends XmlHandler {
  /** The file has ended well. */
  finish(line: number): void;
  /** The file is damaged: gives what is certain of the test cases that are open. */
  salvage(line: number): void;
}

function createJunitHandler(attempts: Attempts, emit: (item: ReportItem) => void): JunitHandler {
  const warnings = createWarnings(emit);
  const fileScope = attempts.openScope();
  const suites: Suite[] = [];
  const cases: TestCase[] = [];
  /** For each open element, where its text goes. */
  const sinks: (KeptText | undefined)[] = [];
  let outcome: Outcome | undefined;
  let property: { name: string; value: KeptText } | undefined;
  let root: string | undefined;
  let caseCount = 0;

  function emitCase(test: TestCase): void {
    const warn = (message: string) => warnings.add(test.line, message);
    for (const result of caseResults(test, attempts, warn)) {
      if (FAILED.has(result.result.status)) markFailure();
      emit(result);
    }
  }

  function markFailure(): void {
    for (const suite of suites) suite.hasFailure = true;
  }

  function openSuite(element: string, attributes: XmlAttributes, line: number): void {
    const around = suites.at(-1);
    suites.push({
      element,
      scope: attempts.openScope(),
      name: element === "testsuite" ? attribute(attributes, "name") : "",
      line,
      file:
        attribute(attributes, "file") || attribute(attributes, "filepath") || around?.file || "",
      timestamp: attribute(attributes, "timestamp") || around?.timestamp || "",
      stated: attribute(attributes, "tests"),
      browser: around?.browser ?? "",
      ownCount: 0,
      allCount: 0,
      statedFailures: countIn(attributes, "failures") + countIn(attributes, "errors"),
      hasFailure: false,
      own: undefined,
    });
  }

  function closeSuite(): void {
    const suite = suites.at(-1);
    if (suite === undefined) return;
    if (suite.own !== undefined) emitCase(suite.own);
    const { element, name, stated, ownCount, allCount, statedFailures } = suite;
    const title = name === "" ? element : `${element} ${JSON.stringify(name.slice(0, 80))}`;
    if (statedFailures > 0 && !suite.hasFailure) {
      warnings.add(suite.line, `${title} states failures or errors and contains none`);
      markFailure();
    }
    suites.pop();
    // Some writers count nested suites and others do not.
    if (/^\d+$/.test(stated) && Number(stated) !== ownCount && Number(stated) !== allCount) {
      warnings.add(suite.line, `${title} states ${stated} tests and contains ${allCount}`);
    }
  }

  function openCase(attributes: XmlAttributes, line: number): void {
    caseCount++;
    for (const suite of suites) suite.allCount++;
    const suite = suites.at(-1);
    if (suite !== undefined) suite.ownCount++;
    cases.push(newCase(attributes, line));
  }

  function newCase(attributes: XmlAttributes, line: number): TestCase {
    const suite = suites.at(-1);
    return {
      line,
      attributes,
      scope: suite?.scope ?? fileScope,
      suites: suites.map(({ name }) => name),
      suiteFile: suite?.file ?? "",
      suiteTimestamp: suite?.timestamp ?? "",
      browser: suite?.browser ?? "",
      outcomes: [],
      properties: new Map(),
      stdout: emptyText(),
      stderr: emptyText(),
    };
  }

  function openOutcome(test: TestCase, kind: OutcomeKind, attributes: XmlAttributes): KeptText {
    const [text, stackTrace] = [emptyText(), emptyText()];
    const [stdout, stderr] = [emptyText(), emptyText()];
    outcome = { kind, attributes, text, stackTrace, stdout, stderr };
    if (test.outcomes.length < MAX_OUTCOMES) test.outcomes.push(outcome);
    else warnings.add(test.line, `a test case has more than ${MAX_OUTCOMES} failures and retries`);
    return text;
  }

  /** Takes an element's beginning, and says where its text goes. */
  function enter(name: string, attributes: XmlAttributes, line: number): KeptText | undefined {
    const [test, suite] = [cases.at(-1), suites.at(-1)];
    switch (name) {
      case "testsuites":
      case "testsuite":
        openSuite(name, attributes, line);
        return undefined;
      case "testcase":
        openCase(attributes, line);
        return undefined;
      case "property":
        property = {
          name: attribute(attributes, "name"),
          value: attributes.get("value") ?? emptyText(),
        };
        return attributes.has("value") ? undefined : property.value;
      case "system-out":
        return (outcome ?? test)?.stdout;
      case "system-err":
        return (outcome ?? test)?.stderr;
      case "stackTrace":
        return outcome?.stackTrace;
      default:
        if (test !== undefined && outcome === undefined && isOutcome(name)) {
          return openOutcome(test, name, attributes);
        }
        if (
          suite !== undefined &&
          outcome === undefined &&
          (name === "failure" || name === "error")
        ) {
          suite.own ??= newCase(SUITE_ITSELF, line);
          return openOutcome(suite.own, name, attributes);
        }
        // An element inside a failure, as in <failure><message>…</message></failure>, is part of its text.
        return outcome === undefined ? undefined : sinks.at(-1);
    }
  }

  function closeProperty(): void {
    const test = cases.at(-1);
    const suite = suites.at(-1);
    if (property === undefined) return;
    const { name, value } = property;
    property = undefined;
    if (test !== undefined) {
      if (name !== "" && !test.properties.has(name) && test.properties.size < MAX_PROPERTIES) {
        test.properties.set(name, value.text);
      }
    } else if (name === "browser.name" && suite !== undefined) {
      // @web/test-runner runs each test once per browser, with a suite for each.
      suite.browser = value.text;
    }
  }

  return {
    open(name, attributes, line) {
      root ??= name;
      sinks.push(enter(name, attributes, line));
    },
    text({ text, bytes }) {
      const sink = sinks.at(-1);
      if (sink !== undefined) append(sink, text, bytes);
    },
    close(name) {
      sinks.pop();
      if (name === "testsuite" || name === "testsuites") closeSuite();
      else if (name === "property") closeProperty();
      else if (name === "testcase") {
        const test = cases.pop();
        if (test !== undefined) emitCase(test);
      } else if (name === outcome?.kind) outcome = undefined;
    },
    warn: warnings.add,
    finish(line) {
      if (caseCount === 0 && root !== "testsuites" && root !== "testsuite") {
        throw new ReportDamage(1, 0, `this is no JUnit report: its root element is <${root}>`);
      }
      warnings.close(line);
    },
    salvage(line) {
      const certain = cases.filter(({ outcomes }) => outcomes.some(({ kind }) => OWN.has(kind)));
      for (const test of certain) emitCase(test);
      for (const { own } of suites) if (own !== undefined) emitCase(own);
      warnings.close(line);
    },
  };
}

function countIn(attributes: XmlAttributes, name: string): number {
  const text = attribute(attributes, name);
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function isOutcome(name: string): name is OutcomeKind {
  return OUTCOMES.has(name);
}

const SUITE_ITSELF: XmlAttributes = new Map([["name", { text: "(suite)", bytes: 7 }]]);
const FAILED: ReadonlySet<Status> = new Set([Status.FAILED, Status.ERRORED]);
const OUTCOMES: ReadonlySet<string> = new Set<OutcomeKind>([
  "failure",
  "error",
  "skipped",
  "flakyFailure",
  "flakyError",
  "rerunFailure",
  "rerunError",
]);
const OWN: ReadonlySet<string> = new Set<OutcomeKind>(["failure", "error", "skipped"]);
/** Of one test case. Far above what retries make; it bounds the memory for one case. */
const MAX_OUTCOMES = 1000;
const MAX_PROPERTIES = 1000;
