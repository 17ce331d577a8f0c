/** The refused item as text that can be read and mended, and back. */
import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  FinishRunRequestSchema,
  IngestRunRequestSchema,
} from "../../../../gen/tally/v1/ingest_service_pb.js";
import type { Rejection } from "../../../../gen/tally/v1/rejection_pb.js";
import type { ReplayEntry } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { TestResultSchema } from "../../../../gen/tally/v1/run_pb.js";
import { withoutUnsayableTimes } from "../../../json-times.js";
import { bytesText, indentJson } from "../../format/indent-json.js";

/** What a replay sends in the place of the kept item. */
export type Replacement = Exclude<ReplayEntry["replacement"], { case: undefined }>;

/**
 * The item as JSON, without times that JSON has no text for, which its violations name; undefined where it is no longer
 * kept. An event is text as it came, and need not be JSON.
 */
export function itemText({ item }: Pick<Rejection, "item">): string | undefined {
  switch (item.case) {
    case "result":
      return jsonOf(TestResultSchema, item.value);
    case "ingestRunRequest":
      return binaryText(IngestRunRequestSchema, item.value);
    case "finishRunRequest":
      return binaryText(FinishRunRequestSchema, item.value);
    case "event":
      return indentJson(bytesText(item.value));
    case undefined:
      return undefined;
  }
}

/** The mended text as a replay takes it. Throws an Error that says what cannot be read. */
export function replacementOf({ item }: Pick<Rejection, "item">, text: string): Replacement {
  switch (item.case) {
    case "result":
      return { case: "result", value: fromJsonString(TestResultSchema, text) };
    case "ingestRunRequest":
      return { case: "ingestRunRequest", value: binaryOf(IngestRunRequestSchema, text) };
    case "finishRunRequest":
      return { case: "finishRunRequest", value: binaryOf(FinishRunRequestSchema, text) };
    case "event":
      return { case: "event", value: new TextEncoder().encode(text) };
    case undefined:
      throw new Error("the item is no longer kept");
  }
}

function jsonOf<D extends DescMessage>(desc: D, message: MessageShape<D>): string {
  return JSON.stringify(toJson(desc, withoutUnsayableTimes(desc, message)), undefined, 2);
}

function binaryText<D extends DescMessage>(desc: D, bytes: Uint8Array): string {
  return jsonOf(desc, fromBinary(desc, bytes));
}

function binaryOf<D extends DescMessage>(desc: D, text: string): Uint8Array<ArrayBuffer> {
  return toBinary(desc, fromJsonString(desc, text));
}
