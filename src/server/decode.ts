/** Bytes to messages: what does not decode is INVALID_ARGUMENT with the fields at fault, on every protocol. */
import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { invalidArgument } from "../errors.js";
import { checkBinaryCount, checkJsonCount } from "../rpc/item-count.js";
import { readMessage } from "../wire/message-reader.js";
import { findPrototypeKey, PROTOTYPE_KEY_FAULT } from "../wire/prototype-keys.js";
import { jsonViolations, mayHideFaults } from "./json-violations.js";
import { type BatchFrame, readBatchFrame, readRunResults } from "./result-reader.js";

/** The message of binary protobuf. Unknown fields are dropped, as a newer client may send them. */
export function decodeBinary(desc: DescMessage, bytes: Uint8Array): Message {
  checkBinaryCount(desc, bytes);
  try {
    return readByHand(desc, bytes) ?? decodeUsual(desc, bytes);
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    const description = `is not a valid ${desc.typeName}: ${messageOf(error)}`;
    throw invalidArgument([{ field: "body", description: description.slice(0, 300) }]);
  }
}

/** The message of a frame in binary protobuf: as decodeBinary, with large batches of results in steps. */
export async function decodeFrame(desc: DescMessage, bytes: Uint8Array): Promise<Message> {
  if (!UPLOAD_FRAMES.has(desc)) return decodeBinary(desc, bytes);
  checkBinaryCount(desc, bytes);
  const frame = await readBatchFrame(bytes);
  return frame === undefined ? decodeBinary(desc, bytes) : frameMessage(desc, frame);
}

/** The message of proto3 JSON. Unknown fields and unknown enum names are refused: they are typing errors. */
export function decodeJson(desc: DescMessage, bytes: Uint8Array): Message {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidArgument([{ field: "body", description: "is not valid UTF-8" }]);
  }
  checkJsonCount(desc, text);
  let message: Message;
  try {
    message = fromJsonString(desc, text, { ignoreUnknownFields: false });
  } catch (error) {
    throw invalidArgument(jsonViolations(desc, text, messageOf(error)));
  }
  if (mayHideFaults(text)) {
    const violations = jsonViolations(desc, text);
    if (violations.length > 0) throw invalidArgument(violations);
  }
  return message;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The unary message that carries results. */
function readByHand(desc: DescMessage, bytes: Uint8Array): Message | undefined {
  if (desc !== IngestRunRequestSchema) return undefined;
  const read = readRunResults(bytes);
  if (read === undefined) return undefined;
  const request = decodeUsual(IngestRunRequestSchema, read.rest);
  request.results = read.results;
  return request;
}

function decodeUsual<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array): MessageShape<Desc> {
  return readMessage(desc, bytes) ?? decodeUnusual(desc, bytes);
}

/** By protobuf-es, but for what it would lose. */
function decodeUnusual<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  const field = findPrototypeKey(desc, bytes);
  if (field !== undefined) throw invalidArgument([{ field, description: PROTOTYPE_KEY_FAULT }]);
  return fromBinary(desc, bytes, { readUnknownFields: false });
}

/** A message of the two requests that carry upload frames. */
function frameMessage(
  { typeName }: DescMessage,
  frame: BatchFrame,
): Message & { frame: BatchFrame } {
  return { $typeName: typeName, frame };
}

const UPLOAD_FRAMES: ReadonlySet<DescMessage> = new Set<DescMessage>([
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
]);
