import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FINGERPRINT_VERSION,
  fingerprintFailure,
  maskMessage,
} from "../../src/stats/failure-fingerprint.js";

/** What patterns begin, go on and end with. */
const fragments = [
  ..." '\"`\\/:.,-+@<>[](){}=%~#_\n",
  ..."0 1 12 1234 12345678 a f b é T Z v x м 错".split(" "),
  ..."0x e5 1f deadbee1 550e8400-e29b-41d4-a716-446655440000 ::1 127.0.0.1".split(" "),
  ..."2024-01-31 10:15:30 10:15 Jan Mon 31/Jan/2024 AM GMT +0100".split(" "),
  ..."http:// localhost a.example: x@y.z C:\\ /a a/b a.ts :42 \\\\a".split(" "),
  ..."<n> <value> <time> <path> <hex> <address> <va word".split(" "),
  "\x1b[31m",
  "\x1b",
  "\x1b]8;;",
];
const anyMessage = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...fragments) },
      fc.string({ unit: "binary", maxLength: 3 }),
      fc.tuple(fc.constantFrom(...fragments), fc.nat(400)).map(([each, n]) => each.repeat(n)),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join("").toWellFormed());

/** Messages as frameworks and runtimes write them, and what is left of them. */
const messages: Readonly<Record<string, readonly (readonly [message: string, masked: string])[]>> =
  {
    "vitest, jest, chai": [
      ["expected 3 to equal 4", "expected <n> to equal <n>"],
      ["expected 'a b' to deeply equal \"it's\"", "expected <value> to deeply equal <value>"],
      [
        "\x1b[2mexpect(\x1b[22m\x1b[31mreceived\x1b[39m\x1b[2m).\x1b[22mtoBe\x1b[2m(\x1b[22m\x1b[32mexpected\x1b[39m\x1b[2m) // Object.is equality\x1b[22m\n\nExpected: \x1b[32m3\x1b[39m\nReceived: \x1b[31m-4.5e-7\x1b[39m",
        "expect(received).toBe(expected) // Object.is equality Expected: <n> Received: <n>",
      ],
      [
        'thrown: "Exceeded timeout of 5000 ms for a test.\nAdd a timeout value to this test"',
        "thrown: <value>",
      ],
      [
        "Cannot find module './missing' from 'src/a.test.ts'",
        "Cannot find module <value> from <value>",
      ],
    ],
    "mocha, playwright": [
      [
        'Timeout of 2000ms exceeded. For async tests, ensure "done()" is called. (/home/ci/build-7/test/a.spec.js)',
        "Timeout of <n>ms exceeded. For async tests, ensure <value> is called. (<path>)",
      ],
      ["Timeout 30000ms exceeded.", "Timeout <n>ms exceeded."],
      [
        'page.goto: net::ERR_CONNECTION_REFUSED at http://localhost:3000/items?id=12#top\nCall log:\n  - navigating to "http://localhost:3000/", waiting until "load"',
        "page.goto: net::ERR_CONNECTION_REFUSED at <address> Call log: - navigating to <value>, waiting until <value>",
      ],
      [
        "locator.click: Target page, context or browser has been closed",
        "locator.click: Target page, context or browser has been closed",
      ],
    ],
    pytest: [
      [
        "AssertionError: assert 'test' == 'xyz'\n  - xyz\n  + test",
        "AssertionError: assert <value> == <value> - xyz + test",
      ],
      [
        "AttributeError: 'dict' object has no attribute 'attr'",
        "AttributeError: <value> object has no attribute <value>",
      ],
      ["assert b'\\x00\\'' == b'abc'", "assert b<value> == b<value>"],
      [
        "assert 200 == 503\n +  where 503 = <Response [503]>.status_code",
        "assert <n> == <n> + where <n> = <Response [<n>]>.status_code",
      ],
      [
        "<MagicMock name='get' id='140214873'> at 0x7f3a5c2e",
        "<MagicMock name=<value> id=<value>> at <hex>",
      ],
      ["tests/test_api.py:42: KeyError", "<path>: KeyError"],
    ],
    "JUnit, Surefire": [
      ["expected:<3> but was:<4>", "expected:<<n>> but was:<<n>>"],
      [
        "expected: com.acme.Cart@1b2c3d4e but was: com.acme.Cart@6d06d69",
        "expected: com.acme.Cart@<hex> but was: com.acme.Cart@<hex>",
      ],
      [
        "java.net.ConnectException: Connection refused (db.internal:5432)",
        "java.net.ConnectException: Connection refused (<address>)",
      ],
      [
        "test timed out after 1,500 milliseconds at CartTest.java:117",
        "test timed out after <n> milliseconds at <path>",
      ],
      [
        "ORA-01017: invalid username/password; logon denied",
        "ORA-<n>: invalid username/password; logon denied",
      ],
    ],
    "go, rust, swift, .NET": [
      ["cart_test.go:42: got 1.50, want -2", "<path>: got <n>, want <n>"],
      [
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 18 [running]:",
        "panic: runtime error: index out of range [<n>] with length <n> goroutine <n> [running]:",
      ],
      [
        "thread 'cart::adds' panicked at crates/cart/src/lib.rs:12:9:\nassertion `left == right` failed\n  left: 3\n right: 4",
        "thread <value> panicked at <path>: assertion <value> failed left: <n> right: <n>",
      ],
      ["error[E0308]: mismatched types", "error[E0308]: mismatched types"],
      [
        'CartTests.swift:21: XCTAssertEqual failed: ("12345") is not equal to ("12346")',
        "<path>: XCTAssertEqual failed: (<value>) is not equal to (<value>)",
      ],
      [
        "Could not find file 'C:\\build\\7\\out.txt'.\r\n   at Cart.Tests.Adds() in C:\\build\\7\\CartTests.cs:line 42",
        "Could not find file <value>. at Cart.Tests.Adds() in <path>:line <n>",
      ],
      ["src\\cart\\adds.test.ts:3:14 - error TS2345", "<path> - error TS2345"],
      ["\\\\server\\share\\7\\a.txt is locked", "<path> is locked"],
    ],
    systems: [
      ["connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED <address>"],
      ["connect ECONNREFUSED ::1:5432", "connect ECONNREFUSED <address>"],
      ["dial tcp [fe80::1%eth0]:443: i/o timeout", "dial tcp <address>: i/o timeout"],
      ["getaddrinfo ENOTFOUND api.example.com:443", "getaddrinfo ENOTFOUND <address>"],
      [
        "ENOENT: no such file or directory, open '/tmp/x 1.txt'",
        "ENOENT: no such file or directory, open <value>",
      ],
      ["spawn /usr/bin/git ENOENT", "spawn <path> ENOENT"],
      ["mail to jo.doe+ci@mail.example.com bounced", "mail to <address> bounced"],
      ["request 550e8400-e29b-41d4-a716-446655440000 failed", "request <uuid> failed"],
      ["fatal: bad object 9fceb02d0ae598e95dc970b74767f19372d61af8", "fatal: bad object <hex>"],
      [
        "duplicate key (id)=(4711) at 2024-01-31T10:15:30.123456Z",
        "duplicate key (id)=(<n>) at <time>",
      ],
      ['[31/Jan/2024:10:15:30 -0700] "GET / HTTP/1.1" 500', "[<time>] <value> <n>"],
    ],
    times: [
      ["2024-01-31 | 2024/1/31 10:15 | 2024-01-31 10:15:30,123 +0100", "<time> | <time> | <time>"],
      [
        "20240131T101530Z | 01/31/2024 | 31.01.2024, 10:15 | 1:30 PM",
        "<time> | <time> | <time> | <time>",
      ],
      ["Mon Jan 2 15:04:05 MST 2006 | Jan 2 15:04:05 | 2 January 2006", "<time> | <time> | <time>"],
      ["Wed Nov 21 2026 14:43:06 GMT+0000 (Coordinated Universal Time)", "<time>"],
      ["Mon, 02 Jan 2006 15:04:05 GMT", "<time>"],
      ["10:15:30.5 but 3:14 is a line and a column", "<time> but <n>:<n> is a line and a column"],
    ],
    "what stays": [
      ["don't, the users' and it's", "don't, the users' and it's"],
      ["and/or, TCP/IP, text/html, </div>, 1/2", "and/or, TCP/IP, text/html, </div>, <n>/<n>"],
      ["std::vector<int> utf8 sha256 user42", "std::vector<int> utf8 sha256 user42"],
      ['say \\"no\\" and \'never', 'say \\"no\\" and \'never'],
      ['say \\"no\\" and "never"', 'say \\"no\\" and <value>'],
      ["'a '5 b", "'a '<n> b"],
      ["5\u2009km, 50%, -3°, 错误12期望3", "<n> km, <n>%, <n>°, 错误<n>期望<n>"],
      ["", ""],
      [" \n\t ", ""],
    ],
  };

describe.each(Object.entries(messages))("a message of %s", (_, table) => {
  it.each(table)("%j is %j", (message, masked) => {
    expect(maskMessage(message)).toBe(masked);
    expect(maskMessage(masked)).toBe(masked);
  });
});

describe("a masked message", () => {
  it("has the whole words of the first 1,000 characters", () => {
    expect(maskMessage(`${"a".repeat(999)} bc`)).toBe("a".repeat(999));
    expect(maskMessage(`${"a".repeat(997)} bc de`)).toBe(`${"a".repeat(997)} bc`);
    expect(maskMessage("x 12 ".repeat(300))).toBe(`${"x <n> ".repeat(166)}x`);
    expect(maskMessage("错".repeat(2000))).toBe("错".repeat(1000));
    expect(maskMessage("😋".repeat(600))).toBe("😋".repeat(500));
  });

  it("does not depend on what is beyond the first 8 KiB", () => {
    const quoted = `"${"a".repeat(8 * 1024)}`;
    expect(maskMessage(`${quoted}" b`)).toBe(maskMessage(`${quoted}" c 1`));
    expect(maskMessage(`'${"a ".repeat(4000)}' failed`)).toBe("<value> failed");
  });

  it("stays as it is when it is masked again, with no numeral but in words, whatever it was", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const masked = maskMessage(message);
        expect(maskMessage(masked)).toBe(masked);
        expect(masked.length).toBeLessThanOrEqual(1000);
        expect(masked).not.toMatch(/(?<![\p{sc=Latin}\d])\d/u);
        expect(masked).not.toMatch(/^ | $| {2}|[^\S ]/);
        expect(masked).not.toContain("\x1b");
      }),
      { numRuns: 2000 },
    );
  });

  it("takes a time that grows with the message, however hostile it is", () => {
    // Those behind the fragments are the worst of 6,000 combinations.
    const hostile = [
      ...fragments,
      "a.",
      "@@e5",
      "Zм",
      "va.ts<n>",
      "' ",
      '\\"',
      "0:",
      "a://.",
      "1,",
    ];
    const time = (size: number) => {
      const start = process.cpuUsage().user;
      for (const each of hostile) maskMessage(each.repeat(size / each.length));
      return process.cpuUsage().user - start;
    };
    time(1024);
    expect(time(8 * 1024)).toBeLessThan(16 * time(1024));
  });
});

describe("a fingerprint", () => {
  const failure = { kind: "assertion", type: "AssertionError", message: "expected 3 to equal 4" };
  const of = (change: Partial<typeof failure>) =>
    fingerprintFailure({ ...failure, ...change }).fingerprint;

  it("is as stated, since it is stored, or its version is another one", () => {
    expect(FINGERPRINT_VERSION).toBe(1);
    expect(fingerprintFailure(failure)).toEqual({
      fingerprint: fingerprintOf("1", "assertion", "AssertionError", "expected <n> to equal <n>"),
      masked: "expected <n> to equal <n>",
    });
    expect(of({})).toBe("-5283998978818406170");
  });

  it("is the same for what differs in what varies alone", () => {
    expect(of({ message: "expected -1.5 to\n  equal 40" })).toBe(of({}));
  });

  it.each([
    { kind: "error" },
    { type: "Error" },
    { message: "expected 3 to be 4" },
    { message: "" },
    { kind: "assertionA", type: "ssertionError" },
    { kind: "", type: "" },
  ])("is another one with %j", (change) => {
    expect(of(change)).not.toBe(of({}));
  });

  it("of failures without a message is that of their kind and type", () => {
    expect(of({ message: " \n" })).toBe(of({ message: "" }));
    expect(of({ message: "", type: "Error" })).not.toBe(of({ message: "" }));
    expect(of({ message: "", kind: "crash" })).not.toBe(of({ message: "" }));
  });

  it("is an int8 in decimal", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (kind, type, message) => {
        const { fingerprint } = fingerprintFailure({ kind, type, message });
        expect(BigInt.asIntN(64, BigInt(fingerprint)).toString()).toBe(fingerprint);
      }),
    );
  });
});

/** By another way than the code's. */
function fingerprintOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return BigInt.asIntN(64, BigInt(`0x${hash.digest("hex").slice(0, 16)}`)).toString();
}
