/** Who may call a method; the guard checks it on the headers, before a message is read. */
import type { Principal, ScopeName } from "../auth/principal.js";

/**
 * - `public`: anyone.
 * - `admin`: admin tokens.
 * - a scope: admin tokens, and project tokens with that scope.
 * - `manage-or-read`: admin tokens, and project tokens with either scope.
 * - `any-token`: every valid token.
 */
export type Access = "public" | "admin" | ScopeName | "manage-or-read" | "any-token";

/** Whether the principal may call a method of this access. */
export function mayCall(access: Exclude<Access, "public">, principal: Principal): boolean {
  if (principal.kind === "admin") return true;
  switch (access) {
    case "admin":
      return false;
    case "any-token":
      return true;
    case "manage-or-read":
      return principal.scopes.has("manage") || principal.scopes.has("read");
    default:
      return principal.scopes.has(access);
  }
}
