import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { byteaArray, parseIntegers, plainArray, textArray } from "../../src/db/array-literal.js";
import { Connection } from "../../src/db/client.js";
import { createEmptyDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createEmptyDatabase();
  connection = new Connection({ url: database.url, prepare: true });
});
afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** What Postgres understands of a literal: each element as JSON. */
async function readBack(literal: string, type: "text" | "bigint" | "boolean"): Promise<unknown[]> {
  const rows = await connection.query<{ value: unknown }>(
    `SELECT to_jsonb(value) AS value FROM unnest($1::text::${type}[]) WITH ORDINALITY AS u (value, ord) ORDER BY ord`,
    [literal],
  );
  return rows.map((row) => row.value);
}

const hostile = fc.oneof(
  fc
    .string({ unit: "binary", maxLength: 40 })
    .map((text) => text.replaceAll("\0", "0").toWellFormed()),
  fc.string({
    unit: fc.constantFrom('"', "\\", "{", "}", ",", " ", "\n", "\t", "'", "$1", "NULL", "é", "😀"),
  }),
  fc.constantFrom(
    "",
    "NULL",
    "null",
    "{}",
    '"',
    "\\",
    '\\"',
    "\\\\",
    "x'; DROP TABLE runs; --",
    "\u2028",
    "a".repeat(9000),
  ),
);

it("carries every text through Postgres unchanged", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(hostile), { maxLength: 12 }), async (values) => {
      expect(await readBack(textArray(values), "text")).toEqual(values);
    }),
    { numRuns: 200 },
  );
});

it("carries texts through a typed array parameter as well", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { maxLength: 6 }), async (values) => {
      const rows = await connection.query<{ value: string }>(
        "SELECT value FROM unnest($1::text[]) WITH ORDINALITY AS u (value, ord) ORDER BY ord",
        [textArray(values)],
      );
      expect(rows.map((row) => row.value)).toEqual(values);
    }),
    { numRuns: 100 },
  );
});

it("carries all bytes through Postgres unchanged, also of a view into a larger buffer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.uint8Array({ maxLength: 300 })), { maxLength: 8 }),
      async (values) => {
        const views = values.map((value) => {
          if (value === null) return null;
          const padded = new Uint8Array(value.length + 7);
          padded.set(value, 3);
          return padded.subarray(3, 3 + value.length);
        });
        const rows = await connection.query<{ value: Buffer | null }>(
          "SELECT value FROM unnest($1::bytea[]) WITH ORDINALITY AS u (value, ord) ORDER BY ord",
          [byteaArray(views)],
        );
        expect(rows.map((row) => row.value && new Uint8Array(row.value))).toEqual(values);
      },
    ),
    { numRuns: 100 },
  );
});

it("carries integers, decimal strings, booleans and nulls", async () => {
  expect(await readBack(plainArray([1, -2, null, 0]), "bigint")).toEqual([1, -2, null, 0]);
  expect(await readBack(plainArray(["42", null]), "bigint")).toEqual([42, null]);
  expect(await readBack(plainArray([true, false, null]), "boolean")).toEqual([true, false, null]);
  const [extremes] = await connection.query<{ text: string }>(
    "SELECT ($1::bigint[])::text AS text",
    [plainArray(["9223372036854775807", "-9223372036854775808"])],
  );
  expect(extremes?.text).toBe("{9223372036854775807,-9223372036854775808}");
});

it("makes an empty array of no values", async () => {
  for (const literal of [plainArray([]), textArray([]), byteaArray([])]) {
    expect(literal).toBe("{}");
  }
  expect(await readBack(textArray([]), "text")).toEqual([]);
});

it("reads the integers that Postgres sends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer(), { maxLength: 10 }), async (values) => {
      const [row] = await connection.query<{ ordinals: string }>(
        "SELECT ($1::integer[])::text AS ordinals",
        [plainArray(values)],
      );
      expect(parseIntegers(row?.ordinals ?? null)).toEqual(values);
    }),
    { numRuns: 50 },
  );
  expect(parseIntegers(null)).toEqual([]);
});
