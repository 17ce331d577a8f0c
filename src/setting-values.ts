/** Reads the values of settings. Each answers undefined for a text that is not one. */
import { isIP, isIPv6 } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port` with a name, an IPv4 address or an IPv6 address in brackets; port 0 takes a free one. */
export function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]*)\]|([\w.-]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = parsePort(digits);
  if (port === undefined || host === "") return undefined;
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined;
  return { host, port };
}

export const parsePort = integerBetween(0, 65_535);

/** Decimal digits that make a number within the range, both ends included. */
export function integerBetween(min: number, max: number): (text: string) => number | undefined {
  return (text) => {
    if (!/^\d{1,15}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  };
}

export function parseBoolean(text: string): boolean | undefined {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  return undefined;
}

/** The text itself, when it is one of the words. */
export function oneOf<W extends string>(words: readonly W[]): (text: string) => W | undefined {
  return (text) => words.find((word) => word === text);
}

/** Comma-separated values, each trimmed, empty ones left out; undefined if one of them is wrong. */
export function listOf<T>(
  parse: (text: string) => T | undefined,
): (text: string) => readonly T[] | undefined {
  return (text) => {
    const values: T[] = [];
    for (const part of text.split(",").map((part) => part.trim())) {
      if (part === "") continue;
      const value = parse(part);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  };
}

/** An origin as browsers send it, or `*` for all. */
export function parseOrigin(text: string): string | undefined {
  if (text === "*") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === "http:" || url?.protocol === "https:";
  return isWeb && url.origin === text ? text : undefined;
}

/** An IP address or a CIDR block. */
export function parseNetwork(text: string): string | undefined {
  const [, address = "", digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return undefined;
  return digits === undefined || Number(digits) <= (family === 4 ? 32 : 128) ? text : undefined;
}

/** A Postgres URL of one server. */
export function parsePostgresUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "postgres:" && url?.protocol !== "postgresql:") return undefined;
  // The driver decodes the parts when it connects, where a stray "%" would be a bug's error.
  const isDecodable = [url.username, url.password, url.pathname, url.hostname].every(canDecode);
  return text.startsWith(`${url.protocol}//`) && !url.hostname.includes(",") && isDecodable
    ? text
    : undefined;
}

function canDecode(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    // URIError: a stray "%", or bytes that are not UTF-8.
    return false;
  }
}

/** Any text without control characters. */
export function parseText(text: string): string | undefined {
  return /\p{Cc}/u.test(text) ? undefined : text;
}

/** Text that every client writes into a header alike: ASCII. */
export function parseHeaderText(text: string): string | undefined {
  return /^[ -~]*$/.test(text) ? text : undefined;
}
