/** Room among the uncommitted bytes of the server for each message of a stream, claimed before it is in memory. */
import type { Claim } from "../../byte-budget.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";

export interface MessageRoom {
  /**
   * The message that came last needs so many bytes until it is committed; the answer gives them back. One for which
   * no room was claimed before, as of small ones of doors, waits for it here.
   */
  handOver(bytes: number): Promise<() => void>;
  /** Gives back what no message has taken over. */
  close(): void;
}

/** While there is no room the stream is not read on: that is the backpressure. */
export function openRoom(
  { budget }: Pick<IngestDeps, "budget">,
  { projectId }: ProjectRef,
  context: CallContext,
): MessageRoom {
  let claim: Claim | undefined;
  let closed = false;
  const close = () => {
    claim?.stopWaiting();
    claim?.shrink(0);
    claim = undefined;
  };
  context.beforeDecoding(async (bytes) => {
    close();
    if (closed) return;
    claim = budget.claim(projectId, bytes);
    await claim.granted;
  });
  return {
    async handOver(bytes) {
      claim ??= budget.claim(projectId, bytes);
      const taken = claim;
      await taken.granted;
      claim = undefined;
      taken.shrink(bytes);
      return () => taken.shrink(0);
    },
    close() {
      closed = true;
      close();
    },
  };
}
