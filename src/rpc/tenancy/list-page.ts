/** What the lists of TenancyService share: a page, and the token of the next one. */
import { type PageScope, pageSize } from "../page-token.js";
import type { TenancyDeps } from "./tenancy-deps.js";

/** The fields that every list request has. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * A page of what `read` lists after a key, up to a limit that is one more than the page: that one tells
 * whether another page follows.
 */
export async function listPage<Item, Key>(
  deps: TenancyDeps,
  request: PageRequest,
  scope: PageScope,
  read: (after: Key | null, limit: number) => Promise<Item[]>,
  keyOf: (item: Item) => Key,
): Promise<{ items: Item[]; nextPageToken: string }> {
  const size = pageSize(request.pageSize);
  const after = deps.pageTokens.open(request.pageToken, scope) as Key | null;
  const found = await read(after, size + 1);
  const items = found.slice(0, size);
  const last = items.at(-1);
  const more = found.length > size && last !== undefined;
  return {
    items,
    nextPageToken: more ? deps.pageTokens.seal({ key: keyOf(last), ...scope }) : "",
  };
}
