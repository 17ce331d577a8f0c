/** Pages of lists: their size, and the opaque token that leads to the next one. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { invalidArgument } from "../errors.js";
import { limits } from "../limits.js";

/** What a page belongs to: the token of one list is of no use in another, nor in another project. */
export interface PageScope {
  /** The list and its filter, as text; only its hash is kept. */
  readonly query: string;
  readonly projectId: string;
}

/** Makes and reads page tokens. */
export interface PageTokens {
  /** The token of the page after `key`, which is JSON and small. */
  seal(page: PageScope & { readonly key: unknown }): string;
  /**
   * The key of a token made for this scope; null for "", the first page. Throws INVALID_ARGUMENT
   * (`page_token`) for any other.
   */
  open(token: string, scope: PageScope): unknown;
}

/** Entries of a page: 50 for 0, 1000 for more than that. Throws INVALID_ARGUMENT (`page_size`) below 0. */
export function pageSize(value: number): number {
  if (value < 0) {
    throw invalidArgument([{ field: "page_size", description: `${value} is negative` }]);
  }
  return value === 0 ? limits.pageSizeDefault : Math.min(value, limits.pageSizeMax);
}

const MAC_BYTES = 16;
/** A key holds a name of 1 KiB at most, escaped, and some numbers. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/** Page tokens under an HMAC key that all servers of the database share. */
export function createPageTokens(key: Uint8Array): PageTokens {
  const macOf = (text: string, { query, projectId }: PageScope) => {
    const mac = createHmac("sha256", key);
    mac.update(createHash("sha256").update(query).digest());
    mac.update(createHash("sha256").update(projectId).digest());
    return mac.update(text).digest().subarray(0, MAC_BYTES);
  };
  return {
    seal(page) {
      const text = JSON.stringify(page.key);
      return Buffer.concat([macOf(text, page), Buffer.from(text)]).toString("base64url");
    },
    open(token, scope) {
      if (token === "") return null;
      const bytes = token.length > MAX_TOKEN_LENGTH ? NO_BYTES : Buffer.from(token, "base64url");
      const text = bytes.subarray(MAC_BYTES).toString();
      const mac = bytes.subarray(0, MAC_BYTES);
      if (mac.length < MAC_BYTES || !timingSafeEqual(mac, macOf(text, scope))) {
        throw invalidArgument([
          { field: "page_token", description: "not a token of this list with this filter" },
        ]);
      }
      return JSON.parse(text) as unknown;
    },
  };
}

const NO_BYTES = Buffer.alloc(0);
