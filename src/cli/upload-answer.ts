/** What `tally upload --json` printed, read back. */
import { UsageError } from "./outcome.js";

export interface UploadAnswer {
  /** Empty where the upload failed. */
  readonly runId: string;
  readonly accepted: number;
  readonly duplicate: number;
  readonly refused: number;
  /** Why the upload failed; empty where it did not. */
  readonly error: string;
}

/** What is missing is 0 or empty. Throws a UsageError for what is no JSON object. */
export function parseUpload(text: string): UploadAnswer {
  const answer = parse(text);
  const count = (name: string) => Number(member(answer, name)) || 0;
  const runId = member(answer, "runId");
  const message = member(member(answer, "error"), "message");
  return {
    runId: typeof runId === "string" ? runId : "",
    accepted: count("acceptedCount"),
    duplicate: count("duplicateCount"),
    refused: count("conflictCount") + count("rejectedCount"),
    error: typeof message === "string" ? message : "",
  };
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below, as what is no object.
  }
  throw new UsageError("--upload is not what `tally upload --json` printed");
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
