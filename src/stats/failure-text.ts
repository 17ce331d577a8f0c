/** Kind and type of a failure, from the first bytes of its stored details. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { repairText } from "../text.js";

/** The fields of TestResult and Failure that are read (proto/tally/v1/run.proto). */
const FAILURE = 9;
const KIND = 1;
const TYPE = 3;

export interface FailureText {
  readonly kind: string;
  readonly type: string;
}

/**
 * What the bytes say of the failure, as text that a column can hold; they are cut somewhere behind its kind and type. Fields come in the order of
 * their numbers, as they are stored.
 */
export function readFailureText(details: Uint8Array | null): FailureText {
  const text = { kind: "", type: "" };
  if (details === null) return text;
  const reader = new BinaryReader(details);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field > FAILURE) break;
    if (field === FAILURE && wireType === WireType.LengthDelimited) {
      const end = reader.uint32() + reader.pos;
      readFailure(reader, Math.min(end, reader.len), text);
      break;
    }
    reader.skip(wireType, field);
  }
  return text;
}

function readFailure(
  reader: BinaryReader,
  end: number,
  text: { kind: string; type: string },
): void {
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field > TYPE) return;
    if (field === KIND) text.kind = repairText(reader.string());
    else if (field === TYPE) text.type = repairText(reader.string());
    else reader.skip(wireType, field);
  }
}
