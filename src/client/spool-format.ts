/**
 * A spool file: what a session could not deliver, to be sent later. Append-only records, each
 *
 *     length of the body (uint32, little endian) · CRC-32 of the body (uint32) · body
 *
 * where the first byte of a body says what it is: 1 a header (JSON, the first record, once), 2 a batch (its number
 * of results as uint32, then the field `results` of UploadBatch), 3 the finish (UploadFinish). A file that a crash
 * cut anywhere is read up to its last whole record.
 */
import { crc32 } from "node:zlib";
import { create, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import {
  type UploadFinish,
  UploadFinishSchema,
  type UploadOpen,
  UploadOpenSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import type { UploadFinishInit } from "./frames.js";
import type { WrittenResults } from "./result-buffer.js";

/** To whom the results belong. The token is not in it. */
export interface SpoolHeader {
  /** Scheme, host and port of the server. */
  readonly origin: string;
  /** The public part of the token; undefined for texts of another form. */
  readonly tokenId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Project, run and part. */
  readonly open: UploadOpen;
}

export type SpoolRecord =
  | { readonly kind: "header"; readonly header: SpoolHeader }
  | ({ readonly kind: "batch" } & WrittenResults)
  | { readonly kind: "finish"; readonly finish: UploadFinish };

/** Bytes of length and CRC before each body. */
export const PREFIX_BYTES = 8;
/** No record is longer: a batch is one message at most. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** The first record. */
export function headerRecord({ origin, tokenId, createdAt, open }: SpoolHeader): Buffer {
  const json = {
    format: FORMAT,
    version: VERSION,
    createdAt: new Date(createdAt).toISOString(),
    origin,
    tokenId,
    open: toJson(UploadOpenSchema, open),
  };
  return toRecord(HEADER, [Buffer.from(JSON.stringify(json))]);
}

/** The record of a batch. */
export function batchRecord({ count, bytes }: WrittenResults): Buffer {
  const head = Buffer.allocUnsafe(COUNT_BYTES);
  head.writeUInt32LE(count);
  return toRecord(BATCH, [head, bytes]);
}

/** The record of the finish. */
export function finishRecord(finish: UploadFinishInit): Buffer {
  return toRecord(FINISH, [toBinary(UploadFinishSchema, create(UploadFinishSchema, finish))]);
}

/** Where in the record of a batch its results begin. */
export const RESULTS_OFFSET = PREFIX_BYTES + 1 + 4;

/** The length of the body that follows, or 0 if the prefix says nonsense. */
export function bodyLength(prefix: Buffer): number {
  const length = prefix.readUInt32LE(0);
  return length > MAX_BODY_BYTES ? 0 : length;
}

/** The record, or undefined if its bytes are damaged. Throws for a version or a kind that is not known here. */
export function parseRecord(prefix: Buffer, body: Buffer): SpoolRecord | undefined {
  if (crc32(body) !== prefix.readUInt32LE(4)) return undefined;
  const content = body.subarray(1);
  switch (body[0]) {
    case HEADER:
      return { kind: "header", header: parseHeader(content) };
    case BATCH:
      return {
        kind: "batch",
        count: content.readUInt32LE(0),
        bytes: content.subarray(COUNT_BYTES),
      };
    case FINISH:
      return { kind: "finish", finish: fromBinary(UploadFinishSchema, content) };
    default:
      throw new Error(`a record of kind ${body[0]}: a later version has written it`);
  }
}

function parseHeader(content: Buffer): SpoolHeader {
  const json = JSON.parse(content.toString()) as Record<string, JsonValue>;
  if (json["format"] !== FORMAT || json["version"] !== VERSION) {
    throw new Error(`version ${json["version"]} of the spool's format: this one is ${VERSION}`);
  }
  const tokenId = json["tokenId"];
  return {
    origin: String(json["origin"]),
    tokenId: typeof tokenId === "string" ? tokenId : undefined,
    createdAt: Date.parse(String(json["createdAt"])),
    open: fromJson(UploadOpenSchema, json["open"] ?? {}),
  };
}

function toRecord(kind: number, parts: readonly Uint8Array[]): Buffer {
  const record = Buffer.concat([Buffer.alloc(PREFIX_BYTES), Buffer.of(kind), ...parts]);
  const body = record.subarray(PREFIX_BYTES);
  record.writeUInt32LE(body.length, 0);
  record.writeUInt32LE(crc32(body), 4);
  return record;
}

const FORMAT = "tally-spool";
const VERSION = 1;
const HEADER = 1;
const BATCH = 2;
const FINISH = 3;
const COUNT_BYTES = 4;
