import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { type CliProject, newProject } from "./new-project.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Three page views and a payment, each received after the one before. */
const EVENTS = [
  '{"site":"shop","type":"page_view","path":"/","user":"ann","time":"2025-11-12T23:59:59Z"}',
  '{"site":"shop","type":"page_view","path":"/a,b","user":"=bob","time":"2025-11-13T00:00:00.000001Z"}',
  '{"site":"blog","type":"page_view","path":"/","user":"ann","time":"2025-11-13T10:00:00Z"}',
  '{"site":"shop","metric":"refund","amount":"-12.50","time":"2025-11-14T10:00:00Z","note":"@home"}',
];

async function withEvents(): Promise<CliProject> {
  const project = await newProject(server, db);
  const { events } = server.client(project.env["TALLY_TOKEN"]);
  for (const event of EVENTS) {
    await events.ingestEvent({ event: { payload: { case: "json", value: Buffer.from(event) } } });
  }
  return project;
}

interface EventJson {
  readonly client: string;
  readonly metric: string;
  readonly amount: string;
  readonly path?: string;
}

describe("tally events list", () => {
  it("lists events that match, newest received first", async () => {
    const { answer } = await withEvents();
    const list = async (...options: string[]) => {
      const { events = [] } = await answer("events", "list", ...options);
      return (events as EventJson[]).map(({ client, path = "" }) => `${client} ${path}`);
    };
    expect(await list()).toEqual(["shop ", "blog /", "shop /a,b", "shop /"]);
    expect(await list("--limit", "2")).toEqual(["shop ", "blog /"]);
    expect(await list("--client", "blog")).toEqual(["blog /"]);
    expect(await list("--metric", "refund")).toEqual(["shop "]);
    expect(await list("--state", "queued")).toEqual([]);
    expect(await list("--warned")).toEqual(["shop "]);
    expect(await list("--unwarned", "--client", "shop")).toEqual(["shop /a,b", "shop /"]);
    const day = ["--from", "2025-11-13T00:00:00Z", "--to", "2025-11-14T00:00:00Z"];
    expect(await list(...day)).toEqual(["blog /", "shop /a,b"]);
    expect(await list("--received-to", "2001-01-01T00:00:00Z")).toEqual([]);
    expect(await list("--received-from", "2001-01-01T00:00:00Z")).toHaveLength(4);
  });

  it("prints a table", async () => {
    const { tally } = await withEvents();
    const { stdout } = await tally(["events", "list", "--metric", "refund"]);
    const [head = "", row = ""] = stdout.split("\n");
    expect(head.split(/\s+/)).toEqual([
      ...["event_id", "state", "client", "metric", "amount"],
      ...["occurred", "path", "user_id", "received", "warnings"],
    ]);
    expect(row).toMatch(/^evt_[0-9a-f]{32} +PROCESSED +shop +refund +-12\.5 +2025-11-14T10:00:00/);
    expect(row).toMatch(/ 1$/);
  });
});

describe("tally events export", () => {
  it("prints CSV that no spreadsheet takes for formulas", async () => {
    const { tally } = await withEvents();
    const { code, stdout } = await tally(["events", "export", "--format", "csv"]);
    expect(code).toBe(0);
    const [head, ...rows] = stdout.split("\r\n");
    expect(head).toBe(
      "event_id,state,client,metric,amount,occurred_time,path,user_id,received_time,idempotency_key,attributes,warnings",
    );
    const cells = rows.map((row) => row.replace(/^evt_[0-9a-f]{32},/, ""));
    expect(cells[0]).toMatch(
      /^PROCESSED,shop,refund,-12\.5,2025-11-14T10:00:00Z,,,\S+,,"\{""note"":""@home""\}",note /,
    );
    expect(cells[1]).toMatch(/^PROCESSED,blog,page_view,1,2025-11-13T10:00:00Z,\/,ann,/);
    expect(cells[2]).toMatch(
      /^PROCESSED,shop,page_view,1,2025-11-13T00:00:00\.000001Z,"\/a,b",'=bob,/,
    );
    expect(rows.at(-1)).toBe("");
    expect(rows).toHaveLength(EVENTS.length + 1);
  });

  it("prints a JSON object a line, of those that match", async () => {
    const { tally } = await withEvents();
    const { stdout } = await tally(["events", "export", "--client", "shop"]);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as EventJson);
    expect(events.map(({ metric, amount }) => `${metric} ${amount}`)).toEqual([
      "refund -12.5",
      "page_view 1",
      "page_view 1",
    ]);
  });

  it("goes through more events than a page holds, each once", async () => {
    const { tally } = await newProject(server, db);
    const lines = Array.from(
      { length: 2_500 },
      (_, i) => `{"site":"s","type":"t${i}","time":${1_700_000_000 + i}}`,
    );
    await tally(["events", "send", "-", "--format", "ndjson"], lines.join("\n"));
    const { stdout } = await tally(["events", "export"]);
    const metrics = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as EventJson).metric);
    expect(new Set(metrics).size).toBe(2_500);
    expect(metrics).toHaveLength(2_500);
  });
});

describe("tally stats events", () => {
  it("counts a client's events, users and paths, of a day or of all time", async () => {
    const { tally, answer } = await withEvents();
    const { stdout } = await tally(["stats", "events", "--client", "shop"]);
    expect(stdout).toBe(
      "shop, page_view, all-time: 2 events, 2 users\n\npath  views\n/     1\n/a,b  1\n",
    );
    const day = await answer("stats", "events", "--client", "shop", "--date", "2025-11-13");
    expect(day).toMatchObject({ found: true, totalViews: "1", uniqueUsers: "1" });
    const refunds = await tally(["stats", "events", "--client", "shop", "--metric", "refund"]);
    expect(refunds.stdout).toContain("shop, refund, all-time: 1 events, 0 users");
    const none = await tally(["stats", "events", "--client", "nobody"]);
    expect(none).toEqual({
      code: 0,
      stdout: "nobody, page_view, all-time: no events\n",
      stderr: "",
    });
  });

  it("refuses a date that is none", async () => {
    const { tally } = await newProject(server, db);
    const { code, stderr } = await tally(["stats", "events", "--client", "a", "--date", "monday"]);
    expect(code).toBe(1);
    expect(stderr).toContain("date");
  });
});

describe("tally stats ingest", () => {
  it("counts what was sent and what became of it, by sender", async () => {
    const { tally, answer } = await withEvents();
    await tally(["events", "send", "-"], `[${EVENTS[0]},{"site":"shop","type":"x"}]`);
    const stats = await answer("stats", "ingest");
    expect(stats).toMatchObject({
      counts: [
        {
          kind: "INGEST_KIND_EVENT",
          client: "shop",
          receivedCount: "5",
          acceptedCount: "3",
          duplicateCount: "1",
          rejectedCount: "1",
        },
        { kind: "INGEST_KIND_EVENT", client: "blog", receivedCount: "1", acceptedCount: "1" },
      ],
      openRejections: [
        { kind: "REJECTION_KIND_EVENT", reason: "REJECTION_REASON_INVALID", count: "1" },
      ],
    });
    const { stdout } = await tally(["stats", "ingest"]);
    expect(stdout).toMatch(/^EVENT +shop +5 +3 +0 +1 +0 +1$/m);
    expect(stdout).toMatch(/^1 +EVENT +INVALID$/m);
    expect(stdout).toMatch(/^0 queued$/m);
    const before = ["--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"];
    expect((await tally(["stats", "ingest", ...before])).stdout).toContain("nothing was sent");
  });
});
