import { expect, it } from "vitest";
import { classify } from "../../src/db/classify.js";

const thrown = (code: string) => Object.assign(new Error("it failed"), { code });

it.each([
  // What a socket says, whatever its name looks like.
  ["ECONNRESET", "transient", ""],
  ["EPIPE", "transient", ""],
  ["CONNECTION_CLOSED", "transient", ""],
  ["08006", "transient", "08006"],
  ["57P01", "transient", "57P01"],
  ["40P01", "transient", "40P01"],
  ["53300", "transient", "53300"],
  ["57014", "timeout", "57014"],
  ["23505", "unique", "23505"],
  ["23514", "check", "23514"],
  ["22021", "poison", "22021"],
  ["54000", "poison", "54000"],
  ["42P01", "bug", "42P01"],
  ["P0001", "bug", "P0001"],
  ["XX000", "bug", "XX000"],
])("takes %s for %s", (code, kind, sqlState) => {
  expect(classify(thrown(code))).toMatchObject({ kind, sqlState, message: "it failed" });
});

it("takes what is no error of a database for the connection's", () => {
  expect(classify("words")).toMatchObject({ kind: "transient", sqlState: "", message: "words" });
});
