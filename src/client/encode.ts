/** Messages to bytes. */
import { type DescMessage, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { writeBatchFrame, writeRunRequest } from "./result-writer.js";

/** The binary protobuf of the message; what carries most of the bytes is written by hand. */
export function encodeMessage(desc: DescMessage, message: Message): Buffer {
  const written = writeByHand(message);
  if (written !== undefined) return written;
  const bytes = toBinary(desc, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeByHand(message: Message): Buffer | undefined {
  if (isMessage(message, IngestRunRequestSchema)) return writeRunRequest(message);
  if (
    isMessage(message, PublishResultsRequestSchema) ||
    isMessage(message, UploadResultsRequestSchema)
  ) {
    return writeBatchFrame(message);
  }
  return undefined;
}
