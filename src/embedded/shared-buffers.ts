/** How much memory the Postgres that comes along keeps pages in. */
import { totalmem } from "node:os";

const MIB = 2 ** 20;
/** What PostgreSQL's manual advises: a quarter of the memory. */
const SHARE = 4;
const MIN_MIB = 128;
const MAX_MIB = 8_192;

/**
 * For `shared_buffers`, of a machine or container with so many bytes of memory. Pages beyond it come from the kernel's
 * cache, which some machines empty when they are idle: with 256 MB, reading failed results among ten million took
 * 99 of 100 calls up to 70 ms and at worst seconds, with 6 GB 40 ms. Some 2 % of it is taken at the start (148 MB of
 * 6 GB), the rest as pages are read.
 */
export function sharedBuffers(memory = availableMemory()): string {
  const mib = Math.floor(memory / MIB / SHARE);
  return `${Math.min(MAX_MIB, Math.max(MIN_MIB, mib))}MB`;
}

/** 0, or more than there is, where nothing limits the process. */
function availableMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
