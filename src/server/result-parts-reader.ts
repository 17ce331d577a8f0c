/** Reads the messages inside a TestResult; result-reader.ts says why. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { Failure, Location, Test, Truncation } from "../../gen/tally/v1/run_pb.js";
import {
  atEnd,
  type Cursor,
  endOf,
  readEntry,
  readField,
  readInt32,
  readInt64,
  readText,
  readUint32,
  UNUSUAL,
} from "../wire/wire-reader.js";

/** A Test. */
export function readTest(cursor: Cursor): Test {
  const test: Test = {
    $typeName: "tally.v1.Test",
    suite: "",
    file: "",
    name: "",
    parameters: "",
    variant: NO_ENTRIES,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        test.suite = readText(cursor);
        break;
      case 2:
        test.file = readText(cursor);
        break;
      case 3:
        test.name = readText(cursor);
        break;
      case 4:
        test.parameters = readText(cursor);
        break;
      case 5:
        test.variant = readMapEntry(cursor, test.variant);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(test, cursor, end);
}

/** A Failure. */
export function readFailure(cursor: Cursor): Failure {
  const failure: Failure = {
    $typeName: "tally.v1.Failure",
    kind: "",
    message: "",
    type: "",
    trace: "",
    expected: "",
    actual: "",
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        failure.kind = readText(cursor);
        break;
      case 2:
        failure.message = readText(cursor);
        break;
      case 3:
        failure.type = readText(cursor);
        break;
      case 4:
        failure.trace = readText(cursor);
        break;
      case 5:
        failure.expected = readText(cursor);
        break;
      case 6:
        failure.actual = readText(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(failure, cursor, end);
}

/** A Location. */
export function readLocation(cursor: Cursor): Location {
  const location: Location = {
    $typeName: "tally.v1.Location",
    file: "",
    line: 0,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        location.file = readText(cursor);
        break;
      case 2:
        location.line = readUint32(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(location, cursor, end);
}

/** A Truncation. */
export function readTruncation(cursor: Cursor): Truncation {
  const truncation: Truncation = {
    $typeName: "tally.v1.Truncation",
    field: "",
    originalBytes: 0n,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        truncation.field = readText(cursor);
        break;
      case 2:
        truncation.originalBytes = readInt64(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(truncation, cursor, end);
}

/** A Timestamp. */
export function readTimestamp(cursor: Cursor): Timestamp {
  const timestamp: Timestamp = {
    $typeName: "google.protobuf.Timestamp",
    seconds: 0n,
    nanos: 0,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        timestamp.seconds = readInt64(cursor);
        break;
      case 2:
        timestamp.nanos = readInt32(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(timestamp, cursor, end);
}

/** A Duration. */
export function readDuration(cursor: Cursor): Duration {
  const duration: Duration = {
    $typeName: "google.protobuf.Duration",
    seconds: 0n,
    nanos: 0,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        duration.seconds = readInt64(cursor);
        break;
      case 2:
        duration.nanos = readInt32(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(duration, cursor, end);
}

/** The map of all messages without an entry: nothing writes to a message that was received. */
export const NO_ENTRIES: Record<string, string> = Object.freeze({});

/** The map with a further entry. */
export function readMapEntry(cursor: Cursor, map: Record<string, string>): Record<string, string> {
  const entries = map === NO_ENTRIES ? {} : map;
  readEntry(cursor, entries);
  return entries;
}
