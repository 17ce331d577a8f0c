/**
 * The raw door for report files: `POST /v1/runs/{run_id}/reports?format=junit`. A thin adapter: the file is
 * parsed as it streams in, and goes through the same handler as UploadResults.
 */
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
  type UploadResultsRequest,
  UploadResultsRequestSchema,
  type UploadResultsResponse,
  UploadResultsResponseSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { invalidArgument, type Violation } from "../../errors.js";
import type { ReportDamage, ReportFormat } from "../../formats/report-item.js";
import type { CallContext } from "../handler.js";
import type { IngestDeps } from "../ingest/ingest-deps.js";
import { uploadResults } from "../ingest/upload-results.js";
import { reportFrames } from "./report-frames.js";

/** What the door reads of a request. */
export interface ReportRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Parameters of the query besides the format. */
const PARAMETERS = [
  "project_id",
  "branch",
  "commit_sha",
  "framework",
  "job",
  "attempt",
  "shard_index",
  "shard_total",
] as const;

/**
 * Stores a report file and finishes its part. 201: something is new; 200: all of it is stored already; 409:
 * something is stored with other content; 400: the file is damaged (what came before is stored, the part
 * stays unfinished) or nothing of it can be stored. The body is the summary of UploadResults, with the
 * file's `warnings` and its `damage`.
 */
export function reportDoor(deps: IngestDeps) {
  const upload = uploadResults(deps);
  return {
    method: "POST",
    path: "/v1/runs/{run_id}/reports",
    access: "ingest",
    async handle({ params, query, body }: ReportRequest, context: CallContext) {
      const opening = openFrame(params["run_id"] ?? "", query);
      const file = reportFrames(formatOf(query), opening, body);
      const response = create(UploadResultsResponseSchema, await upload(file.frames, context));
      const { damage } = file;
      const json = toJson(UploadResultsResponseSchema, response, { alwaysEmitImplicit: true });
      return {
        status: statusOf(response, damage),
        body: {
          ...(json as JsonObject),
          warnings: file.warnings.map(({ line, message }) => ({ line, message })),
          ...(damage === null
            ? {}
            : { damage: { line: damage.line, column: damage.column, reason: damage.reason } }),
        },
      };
    },
  } as const;
}

function formatOf(query: URLSearchParams): ReportFormat {
  const format = query.get("format") ?? "junit";
  if (format !== "junit" && format !== "ctrf") {
    const description = `${JSON.stringify(format.slice(0, 80))} is not junit or ctrf`;
    throw invalidArgument([{ field: "format", description }]);
  }
  return format;
}

function openFrame(runId: string, query: URLSearchParams): UploadResultsRequest {
  const violations: Violation[] = [];
  for (const name of query.keys()) {
    if (name !== "format" && !(PARAMETERS as readonly string[]).includes(name)) {
      violations.push({
        field: name,
        description: `is no parameter: ${PARAMETERS.join(", ")} are`,
      });
    }
  }
  const text = (name: (typeof PARAMETERS)[number]) => query.get(name) ?? "";
  const count = (name: (typeof PARAMETERS)[number]) => {
    const value = text(name);
    if (!/^\d{0,9}$/.test(value)) {
      violations.push({ field: name, description: `${JSON.stringify(value)} is no whole number` });
    }
    return Number(value) || 0;
  };
  const open = {
    projectId: text("project_id"),
    run: {
      runId,
      source: { branch: text("branch"), commitSha: text("commit_sha") },
      framework: text("framework"),
    },
    part: {
      job: text("job"),
      attempt: count("attempt"),
      shardIndex: count("shard_index"),
      shardTotal: count("shard_total"),
    },
  };
  if (violations.length > 0) throw invalidArgument(violations);
  return create(UploadResultsRequestSchema, { frame: { case: "open", value: open } });
}

function statusOf(response: UploadResultsResponse, damage: ReportDamage | null): number {
  if (damage !== null) return 400;
  if (response.conflictCount > 0n || response.runConflict.length > 0) return 409;
  if (response.acceptedCount > 0n) return 201;
  if (response.rejectedCount > 0n && response.duplicateCount === 0n) return 400;
  return response.runDuplicate ? 200 : 201;
}
