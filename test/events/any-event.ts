import fc from "fast-check";

/** What an event says. */
export interface Facts {
  readonly client: string | undefined;
  readonly metric: string | undefined;
  /** In units of 10^-places. */
  readonly amount: { readonly units: bigint; readonly places: number } | undefined;
  readonly occurredAtMs: number | undefined;
  readonly path: string | undefined;
  readonly userId: string | undefined;
}

/** Everything about an event that leaves its identity alone. */
export interface Spelling {
  /** Each picks one of the ways to write something. */
  readonly choices: readonly number[];
  /** Where each field goes, by its order. */
  readonly order: readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly indent: number;
}

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => text.trim() !== "" && text === text.trim() && !/[\0\ue000]/.test(text));
const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 4 });

export const anyFacts: fc.Arbitrary<Facts> = fc.record({
  client: option(name),
  metric: option(name),
  amount: option(
    fc.record({
      units: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
      places: fc.nat(15),
    }),
  ),
  // Above 10^11, so that it can be written in every unit.
  occurredAtMs: option(fc.integer({ min: 1e11, max: 7_258_118_399_999 })),
  path: option(name),
  userId: option(name),
});

export const anySpelling: fc.Arbitrary<Spelling> = fc.record({
  choices: fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 }),
  order: fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
  attributes: fc.dictionary(
    fc.constantFrom("x", "y", "plan", "simulateFailure", "constructor", "é", "a b"),
    fc.jsonValue({ maxDepth: 3, noUnicodeString: false }).filter(isStorable),
    { maxKeys: 4 },
  ),
  indent: fc.nat(4),
});

/** The event as JSON, in one of many spellings. */
export function spell(facts: Facts, spelling: Spelling): string {
  const choices = spelling.choices[Symbol.iterator]();
  const choose = <T>(...ways: readonly T[]): T => {
    const choice = choices.next().value ?? 0;
    return ways[choice % ways.length] as T;
  };
  const text = (value: string) => choose(value, ` ${value}`, `${value}\n`);
  const fields: [string, unknown][] = [];
  const add = (names: readonly string[], value: unknown) => {
    if (value !== undefined) fields.push([choose(...names), value]);
    else if (choose(true, false, false)) fields.push([choose(...names), null]);
  };
  const { client, metric, amount, occurredAtMs, path, userId } = facts;
  add(["client", "source", "clientId", "site-id", "SITE"], client && text(client));
  add(["metric", "name", "event", "eventName"], metric && text(metric));
  add(["amount", "value", "Count", "total"], amount && spellAmount(amount, choose));
  add(["occurred_at", "timestamp", "ts", "Date"], occurredAtMs && spellTime(occurredAtMs, choose));
  add(["path", "urlPath", "page"], path && text(path));
  add(["user_id", "userId", "USER"], userId && text(userId));
  fields.push(...Object.entries(spelling.attributes));

  const sorted = fields
    .map((field, index) => ({ field, at: spelling.order[index] ?? 0 }))
    .sort((a, b) => a.at - b.at);
  const top = sorted.filter(({ at }) => at % 2 === 0).map(({ field }) => field);
  const inner = sorted.filter(({ at }) => at % 2 === 1).map(({ field }) => field);
  if (inner.length > 0)
    top.splice(choose(0, top.length), 0, ["payload", Object.fromEntries(inner)]);
  return (
    JSON.stringify(Object.fromEntries(top), undefined, spelling.indent)
      // Numbers go through as texts: a double would change their digits.
      .replaceAll(/"\ue000([^"]*)"/g, "$1")
  );
}

/** Begins a text that is to be written without its quotes. */
const BARE = "\ue000";

type Choose = <T>(...ways: readonly T[]) => T;

function spellAmount({ units, places }: { units: bigint; places: number }, choose: Choose): string {
  const sign = units < 0n ? "-" : "";
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places);
  const point = fraction === "" ? "" : `.${fraction}`;
  const plain = `${sign}${whole}${point}`;
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return choose(
    `${BARE}${plain}`,
    `${BARE}${units}e-${places}`,
    `${BARE}${units}.00E-${places}`,
    plain,
    ` ${plain}${fraction === "" ? ".0" : "00"} `,
    sign === "" ? `+${plain}` : plain,
    whole.startsWith("0") ? plain : `${sign}${grouped}${point}`,
  );
}

function spellTime(ms: number, choose: Choose): string {
  const iso = new Date(ms).toISOString();
  const east = new Date(ms + 5.5 * 3_600_000).toISOString().slice(0, -1);
  return choose(
    iso,
    iso.slice(0, -1),
    iso.slice(0, -1).replace("T", " ").replaceAll("-", "/"),
    `${iso.slice(0, -1)}000+00:00`,
    `${east}+05:30`,
    `${east}999+0530`.replace("999+", "+"),
    `${BARE}${ms}`,
    `${ms}000`,
    `${BARE}${ms}000000`,
    `${BARE}${ms}e0`,
  );
}

/** Whether JSON.stringify writes nothing that events refuse. */
function isStorable(value: unknown): boolean {
  const json = JSON.stringify(value);
  return !/\\u0000|\\ud[89a-f]|__proto__|e[-+]\d{3}|\ue000/i.test(json);
}
