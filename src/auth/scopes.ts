/** Scopes as the database keeps them: a sum of bits. */
import type { ScopeName } from "./principal.js";

const BITS: Readonly<Record<ScopeName, number>> = { ingest: 1, read: 2, manage: 4 };
const NAMES: readonly ScopeName[] = ["ingest", "read", "manage"];

/** The scopes in a sum. */
export function scopesOf(sum: number): ScopeName[] {
  return NAMES.filter((name) => (sum & BITS[name]) !== 0);
}

/** The sum of scopes; a repeated one counts once. */
export function scopeSum(scopes: Iterable<ScopeName>): number {
  let sum = 0;
  for (const scope of scopes) sum |= BITS[scope];
  return sum;
}
