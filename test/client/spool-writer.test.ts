/** What the writer of a spool file leaves where the disk takes nothing. */
import fs from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { UploadOpenSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { batchRecord, headerRecord } from "../../src/client/spool-format.js";
import { readSpoolContents } from "../../src/client/spool-reader.js";
import { createSpoolWriter } from "../../src/client/spool-writer.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tally-spool-"));
});
afterEach(async () => {
  freeDisk();
  vi.useRealTimers();
  await rm(dir, { recursive: true });
});

/** From now on the disk takes the first bytes of a record and no more. */
function fillDisk(): void {
  const { writeSync } = fs;
  vi.spyOn(fs, "writeSync").mockImplementation(((fd: number, bytes: Buffer, at: number) => {
    if (at > 0) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    return writeSync(fd, bytes, 0, 4);
  }) as typeof fs.writeSync);
  syncBuiltinESMExports();
}

function freeDisk(): void {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
}

it("leaves no file without a header, and makes one when the disk has room again", async () => {
  vi.useFakeTimers();
  const open = create(UploadOpenSchema, { run: { runId: "r" } });
  const header = { origin: "http://127.0.0.1:1", tokenId: undefined, createdAt: 0, open };
  const writer = createSpoolWriter({
    dir,
    header: () => headerRecord(header),
    maxBytes: 1_000_000,
  });
  const batch = batchRecord({ count: 3, bytes: Buffer.alloc(10) });
  fillDisk();
  for (let i = 0; i < 2; i++) expect(() => writer.append(batch)).toThrow("ENOSPC");
  expect(await readdir(dir)).toEqual([".gitignore"]);
  expect(vi.getTimerCount()).toBe(0);
  freeDisk();
  expect(writer.append(batch)).toBeDefined();
  const path = writer.close(true) ?? "";
  expect(await readSpoolContents(path)).toMatchObject({ runId: "r", resultCount: 3, tornBytes: 0 });
});
