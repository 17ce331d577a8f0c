/** All that can be said about one event without a database. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Violation } from "../errors.js";
import { repairText } from "../text.js";
import { convertStruct } from "./convert-struct.js";
import { type Findings, noViolations, refuse, type Warning } from "./findings.js";
import { checkIdempotencyKey, contentHashOf, eventIdOf } from "./identity.js";
import {
  type Normalization,
  type NormalizedEvent,
  type NormalizeOptions,
  normalizeEvent,
} from "./normalize.js";
import { parseEvent } from "./parse-event.js";

/** How an event is judged. */
export interface JudgeOptions extends NormalizeOptions {
  readonly idempotencyKey?: string | undefined;
}

/** An event that can be stored, or everything that is wrong with it. */
export type Judgement =
  | {
      readonly outcome: "accepted";
      readonly event: NormalizedEvent;
      /** 16 bytes. */
      readonly eventId: Buffer;
      /** 32 bytes: whether a repeat of the id has the same content. */
      readonly contentHash: Buffer;
      /** Up to 32. */
      readonly warnings: readonly Warning[];
      readonly warningsTruncated: boolean;
    }
  | {
      readonly outcome: "refused";
      /** 1 to 32. */
      readonly violations: readonly Violation[];
      readonly violationsTruncated: boolean;
      /** For listing: "" if none can be read. Of an event that breaks off, what came before. */
      readonly client: string;
    };

/** Judges the JSON of an event, as bytes or as a google.protobuf.Struct. Never throws. */
export function judgeEvent(payload: Uint8Array | JsonObject, options: JudgeOptions): Judgement {
  const { idempotencyKey } = options;
  const parsed = payload instanceof Uint8Array ? parseEvent(payload) : convertStruct(payload);
  const badKey = idempotencyKey === undefined ? undefined : checkIdempotencyKey(idempotencyKey);
  const normalized = normalizeEvent(parsed.fields, options);
  if (
    normalized.outcome === "accepted" &&
    badKey === undefined &&
    parsed.violations.list.length === 0
  ) {
    const { event, sent, warnings } = normalized;
    const contentHash = contentHashOf(sent);
    return {
      outcome: "accepted",
      event,
      eventId: eventIdOf({ idempotencyKey, contentHash }),
      contentHash,
      warnings: warnings.list,
      warningsTruncated: warnings.truncated,
    };
  }
  const violations = noViolations();
  if (badKey !== undefined) violations.list.push(badKey);
  addAll(violations, parsed.violations);
  // What an event that breaks off seems to lack may be in the rest.
  if (normalized.outcome === "refused" && parsed.isComplete) {
    addAll(violations, normalized.violations);
  }
  return {
    outcome: "refused",
    violations: violations.list,
    violationsTruncated: violations.truncated,
    client: clientOf(normalized),
  };
}

function addAll(to: Findings<Violation>, from: Findings<Violation>): void {
  for (const { field, description } of from.list) refuse(to, field, description);
  if (from.truncated) to.truncated = true;
}

function clientOf(normalized: Normalization): string {
  const { client } = normalized.outcome === "accepted" ? normalized.sent : normalized;
  return repairText(client ?? "");
}
