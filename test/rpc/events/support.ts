/** The reading handlers of EventService on a database of their own, called without a server. */
import { randomBytes } from "node:crypto";
import { create, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { Pool } from "../../../src/db/pool.js";
import { foldEvents } from "../../../src/jobs/fold-events.js";
import { createLogger } from "../../../src/log.js";
import { aggregateEvents } from "../../../src/rpc/events/aggregate-events.js";
import { getEvent } from "../../../src/rpc/events/get-event.js";
import { getEventStats } from "../../../src/rpc/events/get-event-stats.js";
import { listEvents } from "../../../src/rpc/events/list-events.js";
import type { CallContext } from "../../../src/rpc/handler.js";
import { createPageTokens } from "../../../src/rpc/page-token.js";
import { createProjectResolver } from "../../../src/rpc/resolve-project.js";
import { getIngestStats } from "../../../src/rpc/stats/get-ingest-stats.js";
import { type StoredEvent, storeEvents } from "../../db/event-rows.js";
import { createTestDatabase, type TestDatabase } from "../../support/database.js";
import { failure } from "../../support/failure.js";

const methods = {
  getEvent: EventService.method.getEvent,
  listEvents: EventService.method.listEvents,
  aggregateEvents: EventService.method.aggregateEvents,
  getEventStats: EventService.method.getEventStats,
  getIngestStats: StatsService.method.getIngestStats,
};
type Methods = typeof methods;
type Request<K extends keyof Methods> = MessageInitShape<Methods[K]["input"]>;

export class EventLab implements AsyncDisposable {
  readonly db: Pool;
  readonly #pageTokens = createPageTokens(randomBytes(32));
  readonly #log = createLogger("silent");

  static async start(): Promise<EventLab> {
    return new EventLab(await createTestDatabase());
  }

  private constructor(readonly database: TestDatabase) {
    this.db = new Pool({ url: database.url, prepare: true, size: 3 });
  }

  /** Calls a method with the token of a project. */
  async call<K extends keyof Methods>(
    method: K,
    request: Request<K>,
    projectKey = "1",
  ): Promise<MessageShape<Methods[K]["output"]>> {
    const deps = {
      db: this.db,
      resolveProject: createProjectResolver(this.db),
      pageTokens: this.#pageTokens,
    };
    const handlers = { getEvent, listEvents, aggregateEvents, getEventStats, getIngestStats };
    const handler = handlers[method](deps) as (
      request: unknown,
      context: CallContext,
    ) => Promise<MessageInitShape<Methods[K]["output"]>>;
    const { input, output } = methods[method];
    const answer = await handler(create(input, request), this.#context(projectKey));
    return create(output, answer) as MessageShape<Methods[K]["output"]>;
  }

  /** Why a call fails: the reason, and the fields at fault. */
  async refusal<K extends keyof Methods>(
    method: K,
    request: Request<K>,
    projectKey = "1",
  ): Promise<{ reason: string; fields: string[] }> {
    const error = await failure(this.call(method, request, projectKey));
    return {
      reason: error.findDetails(ErrorInfoSchema)[0]?.reason ?? "",
      fields: (error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? []).map((v) => v.field),
    };
  }

  store(events: readonly StoredEvent[], projectKey = "1", tokenId?: string): Promise<string> {
    return storeEvents(this.db, projectKey, events, tokenId);
  }

  /** Folds everything. */
  fold(): Promise<void> {
    const deps = { db: this.db, log: this.#log, now: Date.now, random: Math.random };
    return foldEvents(deps).runOnce();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }

  #context(projectKey: string): CallContext {
    return {
      requestId: "req-1",
      protocol: "grpc",
      principal: {
        kind: "project",
        tokenId: "areader",
        projectId: `prj_${projectKey}`,
        projectKey,
        scopes: new Set(["read"]),
        callsPerSecond: 0,
      },
      signal: new AbortController().signal,
      deadlineAt: Date.now() + 20_000,
      fault: "",
      address: "10.0.0.1",
      log: this.#log,
      beforeDecoding() {},
    };
  }
}

/** An ISO time as requests have it. */
export const at = (time: string) => timestampFromDate(new Date(time));
