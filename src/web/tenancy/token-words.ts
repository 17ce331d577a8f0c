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
export const LIFETIMES = [
  { value: "90", text: "90 days" },
  { value: "30", text: "30 days" },
  { value: "365", text: "One year" },
  { value: "", text: "For ever" },
] as const;

/** When a token of so many days ends; undefined for one that never does. */
export function expiryOf(days: string, nowMs: number): Timestamp | undefined {
  return days === "" ? undefined : timestampFromMs(nowMs + Number(days) * 86_400_000);
}
