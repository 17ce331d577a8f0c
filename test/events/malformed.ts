/** Payloads that no client should send, and that are each refused with a reason. */
import { eventWith } from "./judge.js";

/** What is wrong, and the bytes. */
export type Malformed = readonly [name: string, bytes: Buffer];

/** About 250 payloads; those of a kind differ in where the fault is. */
export function malformedPayloads(): Malformed[] {
  return [
    ...truncated(),
    ...tooBig(),
    ...tooDeep(),
    ...badTexts(),
    ...badBytes(),
    ...repeatedKeys(),
    ...badNumbers(),
    ...noObjects(),
    ...badSyntax(),
    ...unreadableFields(),
  ];
}

const valid = JSON.stringify(
  eventWith({ path: "/é", payload: { list: [1, { a: null }], note: 'a "b"\\c' } }),
);
/** Where a value goes: a field, an attribute, and further down. */
const places = ["amount", "attribute"].flatMap((key) => [
  (value: string) => `{"client":"c","${key}":${value}}`,
  (value: string) => `{"client":"c","payload":{"${key}":${value}}}`,
]);
const placesBelow = [...places, (value: string) => `{"client":"c","x":[0,{"y":${value}}]}`];

const text = (name: string, json: string): Malformed => [name, Buffer.from(json)];

function truncated(): Malformed[] {
  const bytes = Buffer.from(valid);
  return Array.from({ length: 80 }, (_, index) => {
    const length = Math.floor((index * bytes.length) / 80);
    return [`cut after ${length} bytes`, bytes.subarray(0, length)];
  });
}

function tooBig(): Malformed[] {
  const big = `${valid.slice(0, -1)},"x":"${"x".repeat(10_000_000)}"}`;
  return [text("10 MB", big), text("10 MB of blanks", valid + " ".repeat(10_000_000))];
}

function tooDeep(): Malformed[] {
  return [33, 1000, 100_000].flatMap((levels) => [
    text(`${levels} arrays`, `{"x":${"[".repeat(levels)}${"]".repeat(levels)}}`),
    text(`${levels} objects`, `${'{"x":'.repeat(levels)}1${"}".repeat(levels)}`),
    text(`${levels} open arrays`, "[".repeat(levels)),
    text(`${levels} open objects`, '{"payload":'.repeat(levels)),
    text(`${levels} of both`, '[{"x":'.repeat(levels)),
  ]);
}

function badTexts(): Malformed[] {
  return ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800", "\\uD83Dx"].flatMap((bad) => [
    ...placesBelow.map((place) => text(`${bad} in a text`, place(`"${bad}"`))),
    ...placesBelow.map((place) => text(`${bad} in a key`, place(`{"${bad}":1}`))),
  ]);
}

function badBytes(): Malformed[] {
  return ["ff", "c3", "e282", "eda080", "c080", "f5808080", "80"].flatMap((hex) => [
    bytesWithin(`the bytes ${hex} in a text`, '{"client":"', hex, '"}'),
    bytesWithin(`the bytes ${hex} in a key`, '{"', hex, '":1}'),
    bytesWithin(`the bytes ${hex} outside`, '{"client":1}', hex, ""),
  ]);
}

function bytesWithin(name: string, before: string, hex: string, after: string): Malformed {
  return [name, Buffer.concat([Buffer.from(before), Buffer.from(hex, "hex"), Buffer.from(after)])];
}

function repeatedKeys(): Malformed[] {
  return ["client", "amount", "x", "", "\\u0061\\u002d"].flatMap((key) => [
    text(`"${key}" twice`, `{"${key}":1,"${key}":1}`),
    text(`"${key}" twice with other values`, `{"${key}":1,"b":{},"${key}":"2"}`),
    text(`"${key}" twice within`, `{"client":"c","payload":{"${key}":1,"${key}":2}}`),
    text(`"${key}" twice in an array`, `{"client":"c","x":[{"${key}":null,"${key}":null}]}`),
  ]);
}

function badNumbers(): Malformed[] {
  const numbers = "1e400 -1e400 1e-400 1e99999999 NaN Infinity 01 +1 .5 1. 0x1f 1_000".split(" ");
  return numbers.flatMap((number) => places.map((place) => text(number, place(number))));
}

function noObjects(): Malformed[] {
  const whole = ["", " \n", "\ufeff", "null", "true", "0", '"event"', "[]", `[${valid}]`, "[[]]"];
  return whole.map((json) =>
    text(`${JSON.stringify(json.slice(0, 20))} instead of an object`, json),
  );
}

function badSyntax(): Malformed[] {
  const prototype = placesBelow.map((place) => place('{"__proto__":{"polluted":1}}'));
  return [
    '{"__proto__":{"polluted":1}}',
    '{"__proto__":null}',
    '{"\\u005f_proto__":1}',
    ...prototype,
    `${valid}${valid}`,
    `${valid}\n${valid}`,
    `${valid},`,
    `${valid}\0`,
    `\0${valid}`,
    "{,}",
    '{"client"}',
    "{client:1}",
    "{'client':'c'}",
    '{"client":"c",}',
    '{"client":"c" "x":1}',
    '{"client":undefined}',
    '{"client":"c"/**/}',
    '{"client":"a\nb"}',
    '{"client":"\\q"}',
    "client=c&amount=1",
    "<event/>",
    "--- \nclient: c",
  ].map((json) => text(json.slice(0, 60), json));
}

/** With everything else in order, so that only this can be the reason. */
function unreadableFields(): Malformed[] {
  const fields: Record<string, unknown[]> = {
    client: ["", " ", "x".repeat(1025), true, [], {}],
    metric: ["", "\t", [1], { name: "x" }, false],
    amount: ["invalid_number", "", "1,20", "$5", true, [], {}, "1e400", "1e-400"],
    occurred_at: ["01/02/2024", "2024-02-30", "yesterday", -1, true, {}, "", "24:00"],
    path: ["", [], {}],
    user_id: [" ", true],
  };
  return Object.entries(fields).flatMap(([field, values]) =>
    values.map((value) => {
      const shown = JSON.stringify(value).slice(0, 20);
      return text(`${field} ${shown}`, JSON.stringify(eventWith({ [field]: value })));
    }),
  );
}
