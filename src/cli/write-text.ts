/** Text to a stream that may be slower than its source. */
import { once } from "node:events";
import type { Writable } from "node:stream";

/** Waits while the reader is slower. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}
