import { toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { fixture, line, read } from "./read.js";

describe("JUnit dialects", () => {
  it("makes attempts of Surefire's retries: flaky ones before the case, reruns after it", async () => {
    const { results, warnings, damage } = await read(
      "junit",
      await fixture("junit/surefire-retries.xml"),
    );
    expect(results.map(line)).toEqual([
      "com.example.CartTest | adds #1r FAILED",
      "com.example.CartTest | adds #2r ERRORED",
      "com.example.CartTest | adds #3 PASSED",
      "com.example.CartTest | removes #1 FAILED",
      "com.example.CartTest | removes #2r FAILED",
      "com.example.CartTest | removes #3r ERRORED",
      "com.example.CartTest | empties #1 PASSED",
    ]);
    expect(warnings).toEqual([]);
    expect(damage).toBeUndefined();
    const [first, , third, removes] = results.map(({ result }) => toJson(TestResultSchema, result));
    expect(first).toMatchObject({
      failure: {
        message: "expected 1",
        type: "java.lang.AssertionError",
        trace:
          "java.lang.AssertionError: expected 1\n\tat com.example.CartTest.adds(CartTest.java:10)",
      },
      stdout: "first try",
    });
    expect(first).not.toHaveProperty("startTime");
    expect(third).toMatchObject({ stdout: "third try", startTime: "2026-01-12T10:00:00Z" });
    expect(third).not.toHaveProperty("failure");
    expect(removes).toMatchObject({
      duration: "1234.500s",
      failure: { message: "run 1", trace: "trace 1" },
    });
  });

  it("has a result of a suite that failed itself", async () => {
    const { results, warnings } = await read(
      "junit",
      `<testsuites><testsuite name="A"><testsuite name="B" tests="1" errors="2" failures="1">
        <testcase name="a"/>
        <error message="no class" type="E">at b</error><failure message="after"/>
      </testsuite></testsuite><testsuite name="C"><error>cut`,
    );
    expect(results.map(line)).toEqual([
      "A > B | a #1 PASSED",
      "A > B | (suite) #1 FAILED",
      "C | (suite) #1 ERRORED",
    ]);
    expect(results[1]?.result.failure).toMatchObject({ message: "no class\nafter", type: "E" });
    expect(warnings).toEqual([]);
  });

  it("warns of a suite that states failures and contains none", async () => {
    const { warnings } = await read(
      "junit",
      `<testsuites errors="1"><testsuite name="A" errors="1"/>
        <testsuite name="B" failures="2"><testcase name="b"><failure/></testcase></testsuite></testsuites>`,
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      'testsuite "A" states failures or errors and contains none',
    ]);
  });

  it("makes attempts of repeated cases, and of no other cases", async () => {
    const { results } = await read("junit", await fixture("junit/pytest-repeats.xml"));
    expect(results.map(line)).toEqual([
      "tests.test_cart | test_add #1 FAILED",
      "tests.test_cart | test_add #2 PASSED",
      "tests.test_cart | test_skip #1 SKIPPED",
      "tests.test_other | test_add #1 PASSED",
    ]);
    expect(toJson(TestResultSchema, results[0]?.result ?? fail())).toMatchObject({
      location: { file: "tests/test_cart.py", line: 7 },
      startTime: "2026-01-12T10:00:00.123456Z",
      duration: "0.001s",
    });
    expect(results[2]?.result).toMatchObject({
      skipReason: "no network",
      tags: { owner: "shop", note: "in text" },
    });
  });

  it("keeps cases of nested suites apart, and warns of a stated number that fits no count", async () => {
    const { results, warnings } = await read("junit", await fixture("junit/nested-suites.xml"));
    expect(results.map(line)).toEqual([
      "All > A | works #1 PASSED",
      "All > B | works #1 PASSED",
      "All > B | same name #1 PASSED",
      "works | top works #1 PASSED",
      "other works | top works #1 PASSED",
    ]);
    expect(results[0]?.result.test?.file).toBe("a.spec.js");
    expect(warnings).toEqual([
      { kind: "warning", line: 2, message: 'testsuite "All" states 9 tests and contains 5' },
    ]);
  });

  it("reads what only an attribute says, and names values that it leaves out", async () => {
    const { results, warnings } = await read("junit", await fixture("junit/gtest-statuses.xml"));
    expect(results.map(line)).toEqual([
      "Math | Ran #1 PASSED",
      "Math | DISABLED_Off #1 SKIPPED",
      "Math | Both #1 FAILED",
      "Math | Nanoseconds #1 PASSED",
      "Math | Math #1 PASSED",
    ]);
    const both = results[2]?.result;
    expect(both?.failure?.message).toBe("crash\nfirst\nsecond");
    expect(both?.failure?.trace).toBe("a\n\nb");
    expect(both?.location).toMatchObject({ file: "math.cc", line: 12 });
    expect(results[1]?.result.rawStatus).toBe("notrun");
    expect(results[3]?.result.duration).toBeUndefined();
    expect(warnings.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '7: the time "999638317" is no number of seconds up to ten years',
      "8: a test case has no name",
    ]);
  });
});

describe("damaged and hostile JUnit", () => {
  it("never expands entities, and tolerates slips that leave no doubt", async () => {
    const { results, warnings, damage } = await read("junit", await fixture("junit/hostile.xml"));
    expect(damage).toBeUndefined();
    expect(results.map(line)).toEqual(["C | a&nbsp;b #1 PASSED"]);
    expect(results[0]?.result.stdout).toBe('color &#27;[31m ]]> <testcase name="in CDATA"/>');
    expect(warnings.map(({ message }) => message)).toEqual([
      "undefined entity",
      "undefined entity",
      "duplicate attribute: name",
      "malformed character entity",
      'the string "]]>" is disallowed in char data',
      'the time "soon" is no number of seconds up to ten years',
    ]);
  });

  it("never reads what an external entity names, and keeps a bomb of entities as it is written", async () => {
    const definitions = Array.from(
      { length: 30 },
      (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`,
    );
    const bomb = `<?xml version="1.0"?><!DOCTYPE testsuite [
      <!ENTITY l0 "lol"> ${definitions.join("\n")}
      <!ENTITY file SYSTEM "file:///etc/passwd"> <!ENTITY % remote SYSTEM "http://127.0.0.1:9/x"> %remote;
    ]><testsuite><testcase classname="C" name="&l30;"><system-out>&file;</system-out></testcase></testsuite>`;
    const { results, damage } = await read("junit", bomb);
    expect(damage).toBeUndefined();
    expect(results).toMatchObject([{ result: { test: { name: "&l30;" }, stdout: "&file;" } }]);
  });

  it("yields the same before a cut wherever it is", async () => {
    for (const name of ["surefire-retries", "nested-suites", "gtest-statuses", "pytest-repeats"]) {
      const bytes = await fixture(`junit/${name}.xml`);
      const whole = (await read("junit", bytes)).results;
      for (let end = 0; end < bytes.length - 20; end += 7) {
        const { results, damage } = await read("junit", bytes.subarray(0, end));
        expect(damage).toBeDefined();
        // The last test case may be one that is cut itself, and known to have failed.
        const sure = results.filter(({ line }) => line !== results.at(-1)?.line);
        expect(sure).toEqual(whole.slice(0, sure.length));
      }
    }
  });

  it("yields what came before a cut, with the case that is known to have failed", async () => {
    const bytes = await fixture("junit/cut-off.xml");
    const { results, damage } = await read("junit", bytes, 11);
    expect(results.map(line)).toEqual(["Cut | whole #1 PASSED", "Cut | failed #1 FAILED"]);
    expect(damage).toMatchObject({ line: 7, reason: "the file ends inside <system-out>" });
    const earlier = await read("junit", bytes.subarray(0, bytes.indexOf("<failure")));
    expect(earlier.results.map(line)).toEqual(["Cut | whole #1 PASSED"]);
    expect(earlier.damage).toMatchObject({ line: 5, reason: "the file ends inside <testcase>" });
  });

  it.each([
    ["", 1, "document must contain a root element"],
    ["just text", 1, "text data outside of root node"],
    ["<html>\n<body/></html>", 1, "this is no JUnit report: its root element is <html>"],
    ["<testsuite>\n\n<testcase></testsuite>", 3, "unexpected close tag"],
    ["<a>".repeat(101), 1, "elements are nested more than 100 deep"],
    [
      `<testsuite ${"x".repeat(5 * 1024 * 1024)}`,
      1,
      "no tag or text ends within 4194304 characters",
    ],
    [
      '<?xml version="1.0" encoding="klingon"?><testsuite/>',
      1,
      'the encoding "klingon" is not known',
    ],
  ])("refuses %.30s", async (content, at, reason) => {
    const { damage } = await read("junit", content);
    expect(damage).toMatchObject({ line: at, reason });
  });

  it("takes a suite without cases", async () => {
    expect(await read("junit", '<testsuites tests="0"/>')).toMatchObject({
      results: [],
      warnings: [],
      damage: undefined,
    });
  });

  it("counts on after a hundred warnings", async () => {
    const cases = '<testcase name="n" classname="c" time="x"/>'.repeat(150);
    const { results, warnings } = await read("junit", `<testsuite>${cases}</testsuite>`);
    expect(results).toHaveLength(150);
    expect(warnings).toHaveLength(101);
    expect(warnings.at(-1)?.message).toBe("50 more warnings are left out");
  });
});

describe("texts", () => {
  const suite = (output: string, encoding = "") =>
    `<?xml version="1.0"${encoding}?><testsuite><testcase name="é" classname="C"><system-out>${output}</system-out></testcase></testsuite>`;

  it.each([
    ["UTF-8", Buffer.from(suite("ü"))],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${suite("ü")}`)],
    ["UTF-16LE", Buffer.from(`\ufeff${suite("ü", ' encoding="utf-16"')}`, "utf16le")],
    ["UTF-16BE", Buffer.from(`\ufeff${suite("ü")}`, "utf16le").swap16()],
    ["UTF-8 by its mark", Buffer.from(`\ufeff${suite("ü", ' encoding="ISO-8859-1"')}`)],
    ["Latin-1", Buffer.from(suite("ü", ' encoding="ISO-8859-1"'), "latin1")],
    ["windows-1252", Buffer.from(suite("ü", ' encoding="windows-1252"'), "latin1")],
    [
      "UTF-16BE that says so",
      Buffer.from(`\ufeff${suite("ü", ' encoding="UTF-16BE"')}`, "utf16le").swap16(),
    ],
    ["UTF-16LE without a mark", Buffer.from(suite("ü", ' encoding="UTF-16"'), "utf16le")],
    ["UTF-8 that claims to be UTF-16", Buffer.from(suite("ü", ' encoding="utf-16"'))],
  ])("reads %s, in pieces of any size", async (_, bytes) => {
    for (const size of [1, 3, 4096]) {
      const { results, damage } = await read("junit", bytes, size);
      expect(damage).toBeUndefined();
      expect(results[0]?.result).toMatchObject({
        test: { name: "é" },
        stdout: "ü",
        repairedFields: [],
      });
    }
  });

  it("knows what windows-1252 has and Latin-1 has not", async () => {
    const xml = suite("\x80 \x93quoted\x94", ' encoding="windows-1252"');
    const { results } = await read("junit", Buffer.from(xml, "latin1"));
    expect(results[0]?.result.stdout).toBe("€ “quoted”");
  });

  it("replaces what is no valid text, and flags the field", async () => {
    const content = Buffer.concat([
      Buffer.from("<testsuite><testcase name='n\u0001' classname='C'><system-err>a\u0000b\u001b"),
      Buffer.from([0xff, 0x80]),
      Buffer.from("</system-err></testcase></testsuite>"),
    ]);
    const { results, damage } = await read("junit", content);
    expect(damage).toBeUndefined();
    expect(results[0]?.result).toMatchObject({
      test: { name: "n\ufffd" },
      stderr: "a\ufffdb\ufffd\ufffd\ufffd",
      repairedFields: ["test.name", "stderr"],
    });
  });

  it("cuts a text of many megabytes in bounded memory, and says how large it was", async () => {
    const row = `${"ü".repeat(50)}\n`;
    const rows = 400_000;
    async function* bytes() {
      yield Buffer.from("<testsuite><testcase name='n' classname='C'><system-out>");
      const block = Buffer.from(row.repeat(500));
      for (let i = 0; i < rows / 500; i++) yield block;
      yield Buffer.from(
        "<![CDATA[end]]></system-out></testcase>\n<testcase name='next'/></testsuite>",
      );
    }
    const { parseReport } = await import("../../src/formats/parse-report.js");
    let peak = 0;
    const before = process.memoryUsage().heapUsed;
    const results = [];
    async function* watched() {
      for await (const chunk of bytes()) {
        peak = Math.max(peak, process.memoryUsage().heapUsed - before);
        yield chunk;
      }
    }
    for await (const item of parseReport("junit", watched())) results.push(item);
    expect(results).toMatchObject([
      {
        result: {
          truncations: [
            { field: "stdout", originalBytes: BigInt(rows * Buffer.byteLength(row) + 3) },
          ],
        },
      },
      { line: rows + 2 },
    ]);
    const [first] = results;
    if (first?.kind !== "result") throw new Error("no result");
    expect(Buffer.byteLength(first.result.stdout)).toBeLessThanOrEqual(65_536);
    // The file has 40 MB; gathered as a whole it takes more than that.
    expect(peak).toBeLessThan(30e6);
  }, 120_000);

  it("keeps tests apart whose names are too long", async () => {
    const cases = ["a", "b"].map((c) => `<testcase classname="C" name="${"x".repeat(2000)}${c}"/>`);
    const { results } = await read("junit", `<testsuite>${cases.join("")}</testsuite>`);
    const names = results.map(({ result }) => result.test?.name ?? "");
    expect(new Set(names).size).toBe(2);
    expect(names.every((name) => Buffer.byteLength(name) <= 1024)).toBe(true);
    expect(results.map(({ result }) => result.attempt)).toEqual([1, 1]);
    expect(results[0]?.result.truncations).toMatchObject([
      { field: "test.name", originalBytes: 2001n },
    ]);
    expect(results[0]?.result.status).toBe(Status.PASSED);
  });
});

function fail(): never {
  throw new Error("no such result");
}
