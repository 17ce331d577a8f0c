/** The pure parts of the pages of rejections. */
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import {
  FinishRunRequestSchema,
  IngestRunRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionKind, RejectionSchema, RejectionState } from "../../gen/tally/v1/rejection_pb.js";
import {
  RejectionFilterSchema,
  ReplayOutcome,
  ReplayResultSchema,
} from "../../gen/tally/v1/rejection_service_pb.js";
import { Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { dismissAll, replayAll } from "../../src/web/pages/rejections/act-on-all.js";
import { itemText, replacementOf } from "../../src/web/pages/rejections/rejected-item.js";
import { rejectionFilter } from "../../src/web/pages/rejections/rejection-filter.js";
import { countsText } from "../../src/web/pages/rejections/replay-words.js";

const result = create(TestResultSchema, { test: { name: "adds" }, status: Status.PASSED });
const run = toBinary(
  IngestRunRequestSchema,
  create(IngestRunRequestSchema, { run: { runId: "r" } }),
);
const finish = toBinary(FinishRunRequestSchema, create(FinishRunRequestSchema, { runId: "r" }));

it.each([
  ["a result", { case: "result", value: result }],
  ["a run", { case: "ingestRunRequest", value: run }],
  ["a finish", { case: "finishRunRequest", value: finish }],
  ["an event", { case: "event", value: new TextEncoder().encode('{\n  "a": 1\n}') }],
] as const)("shows %s as JSON and reads it back", (_, item) => {
  const rejection = create(RejectionSchema, { item });
  expect(replacementOf(rejection, itemText(rejection) ?? "")).toEqual(item);
});

it("says what of a mended result cannot be read", () => {
  const rejection = create(RejectionSchema, { item: { case: "result", value: result } });
  expect(() => replacementOf(rejection, '{"status":"BROKEN"}')).toThrow(/Status.*BROKEN/);
  expect(() => replacementOf(rejection, "{")).toThrow(/JSON/);
});

it("has no text for an item that is no longer kept", () => {
  expect(itemText(create(RejectionSchema))).toBeUndefined();
});

it("means open rejections unless the address says otherwise", () => {
  const filter = (query: string) => rejectionFilter(new URLSearchParams(query));
  expect(filter("")).toEqual(create(RejectionFilterSchema, { state: RejectionState.OPEN }));
  expect(filter("state=all&kind=event&run=r%201")).toEqual(
    create(RejectionFilterSchema, { kind: RejectionKind.EVENT, runId: "r 1" }),
  );
  expect(filter("state=dismissed&kind=nonsense").state).toBe(RejectionState.DISMISSED);
});

it("replays page after page, each rejection once", async () => {
  const pages = [["r1", "r2"], ["r3"]];
  const asked: string[] = [];
  const rejections = {
    replayRejections: async ({ pageToken }: { pageToken: string }) => {
      asked.push(pageToken);
      const at = Number(pageToken);
      return {
        results: (pages[at] ?? []).map((rejectionId) =>
          create(ReplayResultSchema, {
            rejectionId,
            outcome: rejectionId === "r2" ? ReplayOutcome.REJECTED : ReplayOutcome.ACCEPTED,
          }),
        ),
        nextPageToken: at + 1 < pages.length ? String(at + 1) : "",
      };
    },
  };
  const told: string[] = [];
  await replayAll(rejections as never, {
    projectId: "p",
    filter: create(RejectionFilterSchema),
    signal: new AbortController().signal,
    onProgress: (counts) => told.push(countsText(counts)),
  });
  expect(asked).toEqual(["", "1"]);
  expect(told).toEqual(["1 stored, 1 refused again", "2 stored, 1 refused again"]);
});

it("dismisses as long as there are more", async () => {
  const answers = [
    { dismissedCount: 1000, more: true },
    { dismissedCount: 5, more: false },
  ];
  const told: number[] = [];
  await dismissAll({ dismissRejections: async () => answers.shift() } as never, {
    projectId: "p",
    filter: create(RejectionFilterSchema),
    signal: new AbortController().signal,
    note: "",
    onProgress: (count) => told.push(count),
  });
  expect(told).toEqual([1000, 1005]);
});
