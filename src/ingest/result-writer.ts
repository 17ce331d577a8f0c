/** The writer of results. */
import { createWriter, type WriterOptions } from "../group-commit/writer.js";
import { createResultStore } from "./result-store.js";
import { mergeParts, type WriteJob, type WriteOutcome, type WrittenPart } from "./write-job.js";

export interface ResultWriter extends AsyncDisposable {
  /** What became of the rows once all are committed or refused. Throws RunGone or DbError. */
  write(job: WriteJob): Promise<WriteOutcome>;
}

/** A writer over lanes. Disposing it waits for what is queued. */
export function createResultWriter(
  options: Omit<WriterOptions<WriteJob, WrittenPart>, "store">,
): ResultWriter {
  const writer = createWriter({ ...options, store: createResultStore() });
  return {
    write: async (job) => mergeParts(await writer.write(job)),
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}
