import { type Judgement, type JudgeOptions, judgeEvent } from "../../src/events/judge-event.js";

/** 2026-01-12T10:00:00Z. */
export const RECEIVED_AT_US = 1_768_212_000_000_000;

export type Accepted = Extract<Judgement, { outcome: "accepted" }>;
export type Refused = Extract<Judgement, { outcome: "refused" }>;

/** Judges a JSON text or value, under STRICT unless told otherwise. */
export function judge(json: unknown, options: Partial<JudgeOptions> = {}): Judgement {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const all: JudgeOptions = { policy: "strict", receivedAtUs: RECEIVED_AT_US, ...options };
  return judgeEvent(Buffer.from(text), all);
}

/** Judges an event that must be accepted. */
export function accepted(json: unknown, options: Partial<JudgeOptions> = {}): Accepted {
  const judgement = judge(json, options);
  if (judgement.outcome === "accepted") return judgement;
  throw new Error(`refused: ${JSON.stringify(judgement.violations)}`);
}

/** Judges an event that must be refused. */
export function refused(json: unknown, options: Partial<JudgeOptions> = {}): Refused {
  const judgement = judge(json, options);
  if (judgement.outcome === "refused") return judgement;
  throw new Error(`accepted: ${JSON.stringify(judgement.event)}`);
}

/** An event that STRICT accepts without a warning, with other fields. */
export function eventWith(fields: object): object {
  return {
    client: "shop",
    metric: "revenue",
    amount: 12,
    occurred_at: "2024-01-01T10:00:00Z",
    ...fields,
  };
}
