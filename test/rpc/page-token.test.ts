import { randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createPageTokens, pageSize } from "../../src/rpc/page-token.js";

const tokens = createPageTokens(randomBytes(32));
const scope = { query: '["ListRuns","main"]', projectId: "prj_a" };

it("opens what it sealed, for any key", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const key: unknown = JSON.parse(json);
      expect(tokens.open(tokens.seal({ ...scope, key }), scope)).toEqual(key);
    }),
  );
});

it("opens an empty token as the first page", () => {
  expect(tokens.open("", scope)).toBeNull();
});

const sealed = tokens.seal({ ...scope, key: { createUs: 1, runId: "a" } });
const first = sealed.startsWith("A") ? "B" : "A";

it.each([
  ["another list", sealed, { ...scope, query: '["ListRuns","dev"]' }],
  ["another project", sealed, { ...scope, projectId: "prj_b" }],
  ["a changed token", first + sealed.slice(1), scope],
  ["a cut token", sealed.slice(0, -4), scope],
  ["a short token", "abc", scope],
  ["no base64", "\0§$%", scope],
  ["a huge token", "A".repeat(100_000), scope],
  ["a token of another key", createPageTokens(randomBytes(32)).seal({ ...scope, key: 1 }), scope],
])("refuses %s", (_, token, used) => {
  expect(violation(() => tokens.open(token, used))).toBe("page_token");
});

it("does not show the filter or the project", () => {
  const text = Buffer.from(sealed, "base64url").toString("latin1");
  expect(text).not.toContain("ListRuns");
  expect(text).not.toContain("prj_a");
});

it.each([
  [0, 50],
  [1, 1],
  [1000, 1000],
  [1001, 1000],
  [2 ** 31 - 1, 1000],
])("takes a page size of %i as %i", (value, size) => {
  expect(pageSize(value)).toBe(size);
});

it("refuses a negative page size", () => {
  expect(violation(() => pageSize(-1))).toBe("page_size");
});

/** The field that an INVALID_ARGUMENT names first. */
function violation(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.InvalidArgument) {
      return error.rawMessage.split(":")[0];
    }
    throw error;
  }
  return undefined;
}
