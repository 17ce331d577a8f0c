import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { FIELD_RULES, type FieldName } from "../../src/events/field-rules.js";
import { MAX_ATTEMPTS } from "../../src/events/inbox.js";
import type { EventPolicy } from "../../src/events/normalize.js";
import { limits } from "../../src/limits.js";
import { accepted, judge, RECEIVED_AT_US } from "../events/judge.js";
import { readmeSection, tableRow, tableRows } from "./readme.js";

/** An event with every field that may be required. */
const WHOLE = { client: "c", metric: "m", amount: "5", occurred_at: "2026-01-01T00:00:00Z" };

it("shows in the README the names of every field, and what happens without it", async () => {
  const rows = FIELD_RULES.map(({ name, aliases }) =>
    tableRow([
      `\`${name}\``,
      aliases.map((alias) => `\`${alias}\``).join(", "),
      without(name, "strict"),
      without(name, "lenient"),
    ]),
  );
  expect(tableRows(await readmeSection("What an event is"))).toEqual(rows);
});

it("says in the README how often a queued event is tried", async () => {
  expect(await readmeSection("Workers")).toContain(`after ${MAX_ATTEMPTS} attempts`);
});

it("says in docs/event-identity.md for how long a dropped event is known", async () => {
  const doc = await readFile(new URL("../../docs/event-identity.md", import.meta.url), "utf8");
  expect(doc).toContain(`for ${limits.eventDedupDays} days\n  after its content has left`);
});

/** What the policy makes of an event without the field. */
function without(name: FieldName, policy: EventPolicy): string {
  const event = Object.fromEntries(Object.entries(WHOLE).filter(([key]) => key !== name));
  if (judge(event, { policy }).outcome === "refused") return "refused";
  const { event: read } = accepted(event, { policy });
  if (name === "occurred_at") {
    return read.occurredAtUs === RECEIVED_AT_US ? "the time of receipt" : "?";
  }
  const value = name === "user_id" ? read.userId : read[name];
  return value === undefined ? "none" : `\`${value}\``;
}
