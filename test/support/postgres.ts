/** The Postgres server of a test run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../src/embedded/postgres.js";

export interface TestServer extends AsyncDisposable {
  /** Of a superuser, with the database `postgres`. */
  readonly url: string;
}

/**
 * The server named by `TALLY_TEST_DATABASE_URL` (PostgreSQL 15 to 18, a superuser), else an embedded one in a
 * temporary folder that goes away with it. The embedded one does not wait for the disk (`fsync=off`): only a
 * power failure shows the difference, and tests of durability start their own.
 */
export async function startTestServer(env: NodeJS.ProcessEnv): Promise<TestServer> {
  const external = env["TALLY_TEST_DATABASE_URL"];
  if (external !== undefined && external !== "") {
    return { url: external, [Symbol.asyncDispose]: async () => {} };
  }
  const folder = await mkdtemp(join(tmpdir(), "tally-test-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({
      dataDir: join(folder, "postgres"),
      settings: {
        fsync: "off",
        full_page_writes: "off",
        max_connections: "200",
        shared_buffers: "256MB",
      },
    });
    return {
      url: server.url,
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
