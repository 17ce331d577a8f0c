/** How tokens are called, and when they end. */
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Scope, type Token, TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import { millisOf } from "../format/times.js";

/** The scopes that a token can be given, with what each allows. */
export const SCOPES: readonly {
  readonly scope: Scope;
  readonly name: string;
  readonly hint: string;
}[] = [
  { scope: Scope.INGEST, name: "INGEST", hint: "send runs, results and events" },
  { scope: Scope.READ, name: "READ", hint: "look at all of the project, also here" },
  { scope: Scope.MANAGE, name: "MANAGE", hint: "settings, tokens, rejections" },
];

/** `INGEST, READ`; an admin token may do everything. */
export function scopesText({ kind, scopes }: Pick<Token, "kind" | "scopes">): string {
  if (kind === TokenKind.ADMIN) return "everything";
  return scopes.map((scope) => Scope[scope] ?? "").join(", ");
}

/** Whether the token still works. */
export function tokenState(
  { revokeTime, expireTime }: Pick<Token, "revokeTime" | "expireTime">,
  nowMs: number,
): "active" | "revoked" | "expired" {
  if (revokeTime !== undefined) return "revoked";
  const end = millisOf(expireTime);
  return end !== undefined && end <= nowMs ? "expired" : "active";
}

/** How long a new token may live. */
const LIFETIMES = [
  { value: "90", text: "90 days" },
  { value: "30", text: "30 days" },
  { value: "365", text: "One year" },
  { value: "", text: "For ever" },
] as const;

/** The lifetimes that a token which ends then may give: none is longer than its own. Undefined for no end. */
export function lifetimesUntil(end: Timestamp | undefined, nowMs: number) {
  const endMs = millisOf(end);
  if (endMs === undefined) return LIFETIMES;
  const shorter = LIFETIMES.filter(
    ({ value }) => value !== "" && nowMs + Number(value) * DAY_MS <= endMs,
  );
  return [...shorter, { value: "", text: "As long as yours" }] as const;
}

/** When a token of so many days ends; `end`, the latest, for one of none. Undefined means never. */
export function expiryOf(
  days: string,
  nowMs: number,
  end: Timestamp | undefined,
): Timestamp | undefined {
  return days === "" ? end : timestampFromMs(nowMs + Number(days) * DAY_MS);
}

const DAY_MS = 86_400_000;
