/** The client's address behind trusted proxies. */
import { BlockList, isIP } from "node:net";

/** Answers the client of a connection from `remote` with this `x-forwarded-for`. */
export type ClientAddress = (
  remote: string | undefined,
  forwardedFor: string | undefined,
) => string;

/**
 * Believes `x-forwarded-for` from right to left as long as each hop is a trusted proxy, so that what a
 * client writes into the header itself is never believed. Throws for an entry that is neither an address
 * nor a CIDR block.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    if (family === 0 || !Number.isInteger(bits)) {
      throw new Error(`"${entry}" is neither an address nor a CIDR block`);
    }
    trusted.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return (remote, forwardedFor) => {
    let address = plain(remote ?? "unknown");
    if (trustedProxies.length === 0 || forwardedFor === undefined) return address;
    const hops = forwardedFor.split(",").map((hop) => plain(hop.trim()));
    for (let i = hops.length - 1; i >= 0; i -= 1) {
      const hop = hops[i];
      if (hop === undefined || isIP(hop) === 0) break;
      if (!trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")) break;
      address = hop;
    }
    return address;
  };
}

/** IPv4 addresses without the form they have on a dual-stack socket. */
function plain(address: string): string {
  return address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}
