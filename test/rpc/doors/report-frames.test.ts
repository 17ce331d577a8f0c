import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { UploadResultsRequestSchema } from "../../../gen/tally/v1/ingest_service_pb.js";
import { reportFrames } from "../../../src/rpc/doors/report-frames.js";

const OPEN = create(UploadResultsRequestSchema, { frame: { case: "open", value: {} } });

/** How many results each batch of a JUnit file has, of so many cases with such a trace. */
async function batchesOf(count: number, trace: string): Promise<number[]> {
  const cases = Array.from(
    { length: count },
    (_, i) =>
      `<testcase classname="c" name="${i}"><failure message="m">${trace}</failure></testcase>`,
  );
  async function* bytes() {
    yield Buffer.from(`<testsuite name="s" tests="${count}">${cases.join("")}</testsuite>`);
  }
  const batches: number[] = [];
  for await (const { frame } of reportFrames("junit", OPEN, bytes()).frames) {
    if (frame.case === "batch") batches.push(frame.value.results.length);
  }
  return batches;
}

it("with much text in them are batches of about a mebibyte", async () => {
  const trace = "at a line of the trace\n".repeat(2_500);
  expect(await batchesOf(60, trace)).toEqual([19, 19, 19, 3]);
});

it("are batches of 1,000 results", async () => {
  expect(await batchesOf(2_500, "")).toEqual([1_000, 1_000, 500]);
});
