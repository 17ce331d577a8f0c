import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import { UploadProgressSchema } from "../gen/tally/v1/ingest_service_pb.js";
import { RunState, Status } from "../gen/tally/v1/run_pb.js";
import { createTallyClient, errorReason } from "../src/client/index.js";
import { Connection } from "../src/db/client.js";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./support/database.js";
import { failure } from "./support/failure.js";
import { startTallyd, type Tallyd } from "./support/tallyd.js";

const ADMIN = "an-admin-token-for-tests-only";
const PATIENCE = { timeout: 30_000 };
// Several processes start in each test.
vi.setConfig({ testTimeout: 90_000 });
let database: TestDatabase;
let dataDir: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), "tally-main-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await database[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

function start(command: string, env: Record<string, string> = {}): Tallyd {
  const started = startTallyd(command, {
    TALLY_PORT: "0",
    TALLY_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    TALLY_ADMIN_TOKEN: ADMIN,
    ...env,
  });
  children.push(started.child);
  return started;
}

async function serve(env: Record<string, string> = {}): Promise<Tallyd & { url: string }> {
  const started = start("serve", env);
  const [, url = ""] = await started.says(/^Tally \S+ listens on (\S+)$/m);
  return { ...started, url };
}

/** A token with every scope, of a new project. */
async function newToken(url: string): Promise<string> {
  const admin = createTallyClient({ url, token: ADMIN });
  const { organization } = await admin.tenancy.createOrganization({ name: `o${Math.random()}` });
  const organizationId = organization?.organizationId ?? "";
  const { project } = await admin.tenancy.createProject({ organizationId, name: "p" });
  const projectId = project?.projectId ?? "";
  const scopes = [1, 2, 3];
  const { secret } = await admin.tenancy.createToken({ projectId, name: "t", scopes });
  admin.close();
  return secret;
}

/**
 * Streams batches of 50 until the stream is cut, and journals the acknowledged sequences. `onAck` hears of each.
 */
async function stream(url: string, token: string, runId: string, onAck: (count: number) => void) {
  const client = createTallyClient({ url, token });
  let acknowledged = -1;
  async function* frames() {
    yield { frame: { case: "open" as const, value: { run: { runId } } } };
    for (let sequence = 0; sequence < 100_000; sequence++) {
      yield { frame: { case: "batch" as const, value: batch(sequence) } };
      await sleep(2);
    }
  }
  try {
    for await (const { committedSequence } of client.ingest.publishResults(frames())) {
      if (committedSequence !== undefined) acknowledged = Number(committedSequence);
      onAck(acknowledged + 1);
    }
    throw new Error("the stream ended by itself");
  } catch (error) {
    return { acknowledged, error: error as ConnectError };
  } finally {
    client.close();
  }
}

function batch(sequence: number) {
  const results = Array.from({ length: 50 }, (_, i) => ({
    test: { suite: `s${i}`, name: `t${sequence}` },
    status: Status.PASSED,
  }));
  return { sequence: BigInt(sequence), results };
}

/** The statements that wait for a lock. */
function lockWaiters(db: Connection) {
  return db.query(`
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`);
}

describe("tallyd serve", () => {
  it("with a database of its own prints the admin token once and keeps it for its owner", async () => {
    const env = { DATABASE_URL: "", TALLY_ADMIN_TOKEN: "" };
    const first = await serve(env);
    expect(first.output()).toMatch(/^Tally \d+\.\d+\.\d+ listens on http:\/\/127\.0\.0\.1:\d+$/m);
    const [, printed = ""] = await first.says(/shown this once: (tly_admin_\S+)\n/);
    const file = join(dataDir, "admin-token");
    expect((await readFile(file, "utf8")).trim()).toBe(printed);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    first.child.kill("SIGTERM");
    expect(await first.exited).toEqual([0, null]);
    const second = await serve(env);
    expect(second.output()).not.toContain("tly_admin_");
    const client = createTallyClient({ url: second.url, token: printed });
    expect((await client.tenancy.listOrganizations({})).organizations).toEqual([]);
    client.close();
    // A killed one would leave its Postgres at work in the folder for a moment.
    second.child.kill("SIGTERM");
    expect(await second.exited).toEqual([0, null]);
  });

  it("prints a link with a code that signs in once, at the first start alone", async () => {
    const first = await serve({ TALLY_ADMIN_TOKEN: "" });
    const [, origin = "", code = ""] = await first.says(
      /^Open the dashboard, signed in: (\S+)\/#code=([a-z2-7]{32}) \(once, within 10 minutes\)$/m,
    );
    expect(origin).toBe(first.url);
    const signIn = createTallyClient({ url: origin });
    const { secret, token } = await signIn.tenancy.exchangeSignInCode({ code });
    const again = await failure(signIn.tenancy.exchangeSignInCode({ code }));
    expect(errorReason(again)).toBe("SIGN_IN_CODE_REFUSED");
    signIn.close();
    const admin = createTallyClient({ url: origin, token: secret });
    const caller = await admin.tenancy.getCaller({});
    expect(caller.token?.tokenId).toBe(token?.tokenId);
    admin.close();
    expect(first.output().split(code)).toHaveLength(2);
    first.child.kill("SIGTERM");
    await first.exited;
    const second = await serve({ TALLY_ADMIN_TOKEN: "" });
    const configured = await serve();
    for (const { child, exited, output } of [second, configured]) {
      child.kill("SIGTERM");
      await exited;
      expect(output()).not.toContain("#code=");
    }
  });

  it("names a taken port and every wrong setting", async () => {
    const holder = createServer();
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const taken = start("serve", { TALLY_PORT: String(port) });
    expect(await taken.exited).toEqual([1, null]);
    expect(taken.output()).toContain(`${port} is in use`);
    holder.close();
    const wrong = start("serve", { TALLY_PORT: "x", TALLY_DB_LANES: "0" });
    expect(await wrong.exited).toEqual([1, null]);
    expect(wrong.output()).toMatch(/TALLY_PORT.*TALLY_DB_LANES/s);
  });

  it("names the setting whose database cannot be reached, as other commands do", async () => {
    const away = { DATABASE_URL: "postgres://u:p@127.0.0.1:1/x" };
    const locked = new URL(database.url);
    locked.password = "wrong";
    const cases = [
      ["serve", away, "DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1"],
      ["work", away, "DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1"],
      ["migrate", away, "DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1"],
      ["recount", away, "DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1"],
      ["serve", { DATABASE_URL: locked.href }, "DATABASE_URL: password authentication failed"],
      ["serve", { TALLY_DB_DIRECT_URL: away.DATABASE_URL }, "TALLY_DB_DIRECT_URL: connect"],
      ["serve", { ...away, TALLY_DB_DIRECT_URL: database.url }, "DATABASE_URL: connect"],
    ] as const;
    for (const [command, env, message] of cases) {
      const failed = start(command, env);
      expect(await failed.exited).toEqual([1, null]);
      expect(failed.output()).toContain(`tallyd: no connection to the database of ${message}`);
    }
  });

  it("says so where there can be no data folder", async () => {
    const refused = start("serve", { DATABASE_URL: "", TALLY_DATA_DIR: "/proc/none/data" });
    expect(await Promise.race([refused.exited, sleep(10_000)])).toEqual([1, null]);
    expect(refused.output()).toContain(
      "tallyd: /proc/none/data cannot be the data folder, set TALLY_DATA_DIR: ENOENT",
    );
  });

  it.each([
    ["a database of the operator's", {}],
    ["a database of its own", { DATABASE_URL: "" }],
  ])("with %s keeps token and link for the start that does not fail", async (_, its) => {
    await using holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const env = { TALLY_ADMIN_TOKEN: "", ...its };
    for (const wrong of [
      { TALLY_PORT: String(port) },
      { TALLY_METRICS_LISTEN: `127.0.0.1:${port}` },
      { TALLY_TLS_CERT: "/none", TALLY_TLS_KEY: "/none" },
    ]) {
      const failed = start("serve", { ...env, ...wrong });
      expect(await failed.exited).toEqual([1, null]);
      expect(failed.output()).not.toContain("tly_admin_");
    }
    const { url, says, child, exited } = await serve(env);
    const [, printed = ""] = await says(/shown this once: (tly_admin_\S+)\n/);
    await says(/#code=[a-z2-7]{32} /);
    const client = createTallyClient({ url, token: printed });
    expect((await client.tenancy.listOrganizations({})).organizations).toEqual([]);
    client.close();
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  });

  it("of three that start at once on an empty database all serve", async () => {
    await using empty = await createEmptyDatabase();
    const env = { DATABASE_URL: empty.url };
    const servers = await Promise.all([serve(env), serve(env), serve(env)]);
    const token = await newToken(servers[0]?.url ?? "");
    for (const { url } of servers) {
      const client = createTallyClient({ url, token });
      expect((await client.stats.listRuns({})).runs).toEqual([]);
      client.close();
    }
  });

  it("refuses a database that is newer than itself", async () => {
    await using db = new Connection({ url: database.url, prepare: false });
    await db.run(`
      INSERT INTO schema_migrations (version, name, checksum)
      SELECT 999, '0999_future.sql', checksum FROM schema_migrations LIMIT 1`);
    const refused = start("serve");
    expect(await refused.exited).toEqual([1, null]);
    expect(refused.output()).toMatch(/newer/);
  });
});

it("tallyd names a command that it does not have", async () => {
  const unknown = start("migrat");
  expect(await unknown.exited).toEqual([1, null]);
  expect(unknown.output()).toContain("unknown command 'migrat'\n(Did you mean migrate?)");
});

describe("tallyd migrate", () => {
  it("brings the database to this version, once", async () => {
    await using empty = await createEmptyDatabase();
    const env = { DATABASE_URL: empty.url };
    const first = start("migrate", env);
    expect(await first.exited).toEqual([0, null]);
    expect(first.output()).toContain("applied 0001_tenancy.sql, 0002_ingest.sql");
    const second = start("migrate", env);
    expect(await second.exited).toEqual([0, null]);
    expect(second.output()).toContain("nothing to do");
  });
});

describe("a server that stops", () => {
  it("by SIGTERM acknowledges what it read and says when to try again", async () => {
    const { url, child, exited } = await serve();
    const token = await newToken(url);
    const { acknowledged, error } = await stream(url, token, "drained", (count) => {
      if (count === 20) child.kill("SIGTERM");
    });
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
    const progress = error.findDetails(UploadProgressSchema)[0]?.committedSequence;
    expect(Number(progress)).toBe(acknowledged);
    expect(await exited).toEqual([0, null]);
    await using db = new Connection({ url: database.url, prepare: false });
    const [row] = await db.query<{ n: number }>("SELECT count(*)::int AS n FROM results");
    expect(row?.n).toBe((acknowledged + 1) * 50);
  });

  it("by a signal while its start waits for the database gives that up", async () => {
    await using db = new Connection({ url: database.url, prepare: false });
    await db.run("BEGIN; LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE");
    await using watcher = new Connection({ url: database.url, prepare: false });
    for (const [i, command] of ["serve", "work"].entries()) {
      const { child, exited, output } = start(command);
      // The database notices later that nobody waits for an answer any more.
      await expect.poll(() => lockWaiters(watcher), PATIENCE).toHaveLength(i + 1);
      child.kill("SIGTERM");
      expect(await Promise.race([exited, sleep(10_000)])).toEqual([0, null]);
      expect(output()).toContain('"stopped"');
    }
  });

  it("by a signal while its database is made leaves no half of it", async () => {
    const { child, exited, output } = start("serve", { DATABASE_URL: "" });
    const names = () => readdir(dataDir);
    await expect.poll(names, PATIENCE).toContainEqual(expect.stringContaining("postgres-new-"));
    child.kill("SIGINT");
    expect(await exited).toEqual([0, null]);
    expect(output()).toContain('"stopped"');
    expect(await names()).toEqual(["postgres-password"]);
  });

  it("by a second Ctrl-C exits at once, which is not the first one passed on by npm", async () => {
    const { url, child, exited, output } = await serve();
    const client = createTallyClient({ url, token: await newToken(url) });
    await using db = new Connection({ url: database.url, prepare: false });
    await db.run("BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE");
    const held = client.ingest.ingestRun({ run: { runId: "held" } });
    held.catch(() => {});
    await using watcher = new Connection({ url: database.url, prepare: false });
    await expect.poll(() => lockWaiters(watcher), PATIENCE).not.toEqual([]);
    child.kill("SIGINT");
    // As npm passes the same Ctrl-C on.
    await sleep(1);
    child.kill("SIGINT");
    await expect.poll(output, PATIENCE).toContain('"stopping"');
    await sleep(1_100);
    expect(child.exitCode).toBe(null);
    child.kill("SIGINT");
    expect(await exited).toEqual([130, null]);
    client.close();
  });

  it("by kill -9 in mid-stream loses nothing that it acknowledged", async () => {
    const first = await serve();
    const token = await newToken(first.url);
    await using db = new Connection({ url: database.url, prepare: false });
    await using locker = new Connection({ url: database.url, prepare: false });
    let count = 0;
    const cut = stream(first.url, token, "killed", (acknowledgedCount) => {
      count = acknowledgedCount;
    });
    await expect.poll(() => count, PATIENCE).toBeGreaterThanOrEqual(30);
    // While nothing can be committed, an acknowledgement that does not wait for it would show.
    await locker.run("BEGIN; LOCK TABLE results IN ACCESS EXCLUSIVE MODE");
    await expect.poll(() => lockWaiters(db), PATIENCE).not.toEqual([]);
    await sleep(200);
    first.child.kill("SIGKILL");
    const { acknowledged } = await cut;
    expect(acknowledged).toBeGreaterThanOrEqual(29);
    // What waits for the lock ends with its connection, and is not stored after all.
    await expect.poll(() => lockWaiters(db), PATIENCE).toEqual([]);
    await locker.run("ROLLBACK");
    const { url } = await serve();
    // Of each batch, by its number in the names: how many of its results are there, and how often.
    const batches = () =>
      db.query<{ sequence: number; tests: number; rows: number }>(`
        SELECT substr(t.name, 2)::int AS sequence, count(DISTINCT t.test_key)::int AS tests,
          count(*)::int AS rows
        FROM results r JOIN tests t USING (project_key, test_key)
        GROUP BY t.name ORDER BY 1`);
    const whole = (count: number) =>
      Array.from({ length: count }, (_, sequence) => ({ sequence, tests: 50, rows: 50 }));
    expect((await batches()).slice(0, acknowledged + 1)).toEqual(whole(acknowledged + 1));
    const client = createTallyClient({ url, token });
    const before = await client.stats.getRun({ runId: "killed" });
    expect(before.run?.state).toBe(RunState.RUNNING);
    const stored = Number(before.run?.totals?.resultCount);
    expect(stored).toBeGreaterThanOrEqual((acknowledged + 1) * 50);
    const total = Math.ceil(stored / 50) + 3;
    async function* again() {
      yield { frame: { case: "open" as const, value: { run: { runId: "killed" } } } };
      for (let sequence = 0; sequence < total; sequence++) {
        yield { frame: { case: "batch" as const, value: batch(sequence) } };
      }
      const expectedResultCount = BigInt(total * 50);
      yield { frame: { case: "finish" as const, value: { expectedResultCount } } };
    }
    const summary = await client.ingest.uploadResults(again());
    expect(Number(summary.duplicateCount)).toBe(stored);
    expect(Number(summary.acceptedCount)).toBe(total * 50 - stored);
    expect(await batches()).toEqual(whole(total));
    const after = await client.stats.getRun({ runId: "killed" });
    expect(after.run).toMatchObject({
      state: RunState.FINISHED,
      totals: { resultCount: BigInt(total * 50) },
    });
    client.close();
  });
});
