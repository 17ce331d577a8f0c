/** Reads a spool file, whole or cut off. */
import { type FileHandle, open } from "node:fs/promises";
import {
  bodyLength,
  PREFIX_BYTES,
  parseRecord,
  type SpoolHeader,
  type SpoolRecord,
} from "./spool-format.js";

export interface SpoolReader extends AsyncDisposable {
  readonly header: SpoolHeader;
  /** The records after the header, in order; memory holds one at a time. */
  records(): AsyncGenerator<Exclude<SpoolRecord, { kind: "header" }>>;
  /** Bytes at the end that are no whole record, once the records have been read; what they held is lost. */
  readonly tornBytes: number;
}

/** What is in a spool file. */
export interface SpoolContents {
  readonly runId: string;
  readonly job: string;
  /** Of the server that it is for. */
  readonly origin: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly resultCount: number;
  /** It says that the part is finished. */
  readonly isFinished: boolean;
  readonly tornBytes: number;
}

/** Reads the file from end to end. Throws what openSpoolFile throws. */
export async function readSpoolContents(path: string): Promise<SpoolContents> {
  await using reader = await openSpoolFile(path);
  const { open, origin, createdAt } = reader.header;
  let resultCount = 0;
  let isFinished = false;
  for await (const record of reader.records()) {
    if (record.kind === "batch") resultCount += record.count;
    else isFinished = true;
  }
  const { tornBytes } = reader;
  const [runId, job] = [open.run?.runId ?? "", open.part?.job ?? ""];
  return { runId, job, origin, createdAt, resultCount, isFinished, tornBytes };
}

/** Opens the file. Throws if not even its header is whole, or if a later version has written it. */
export async function openSpoolFile(path: string): Promise<SpoolReader> {
  const file = await open(path);
  try {
    const first = await readRecord(file, 0);
    if (first?.record.kind !== "header") throw new Error("the file has no whole header");
    let tornBytes = 0;
    return {
      header: first.record.header,
      async *records() {
        let at = first.end;
        for (;;) {
          const next = await readRecord(file, at);
          if (next === undefined) break;
          at = next.end;
          if (next.record.kind !== "header") yield next.record;
        }
        tornBytes = (await file.stat()).size - at;
      },
      get tornBytes() {
        return tornBytes;
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The record at a position and where the next one begins; undefined where no whole one is. */
async function readRecord(
  file: FileHandle,
  at: number,
): Promise<{ record: SpoolRecord; end: number } | undefined> {
  const prefix = await readFully(file, at, PREFIX_BYTES);
  const length = prefix === undefined ? 0 : bodyLength(prefix);
  if (prefix === undefined || length === 0) return undefined;
  const body = await readFully(file, at + PREFIX_BYTES, length);
  const record = body === undefined ? undefined : parseRecord(prefix, body);
  return record === undefined ? undefined : { record, end: at + PREFIX_BYTES + length };
}

async function readFully(
  file: FileHandle,
  at: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
  }
  return bytes;
}
