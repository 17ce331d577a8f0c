/** Messages to bytes. */
import { type DescMessage, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import {
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { writeBatchFrame } from "./result-writer.js";

/** The binary protobuf of the message; what carries most of the bytes is written by hand. */
export function encodeMessage(desc: DescMessage, message: Message): Buffer {
  if (
    isMessage(message, PublishResultsRequestSchema) ||
    isMessage(message, UploadResultsRequestSchema)
  ) {
    const bytes = writeBatchFrame(message);
    if (bytes !== undefined) return bytes;
  }
  const bytes = toBinary(desc, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
