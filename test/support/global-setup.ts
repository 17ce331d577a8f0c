/** Once per test run: one Postgres server, and one database with all migrations for tests to copy. */
import { randomBytes } from "node:crypto";
import type { TestProject } from "vitest/node";
import { Connection } from "../../src/db/client.js";
import { migrate } from "../../src/db/migrate.js";
import { startTestServer } from "./postgres.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's url, with the database `postgres`. */
    postgresUrl: string;
    /** The migrated database that tests copy; nobody may connect to it. */
    templateDatabase: string;
  }
}

/** Starts the server and makes the template; what it answers removes both. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer(process.env);
  const template = `tally_template_${randomBytes(6).toString("hex")}`;
  const admin = new Connection({ url: server.url, prepare: false });
  const stop = async () => {
    await admin.run(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
    await admin[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  };
  try {
    await admin.run(`CREATE DATABASE ${template} TEMPLATE template0 ENCODING 'UTF8'`);
    const url = new URL(server.url);
    url.pathname = `/${template}`;
    await using connection = new Connection({ url: url.href, prepare: false });
    await migrate({ connection });
    // A database with a connection cannot be copied.
    await connection[Symbol.asyncDispose]();
    await admin.run(`ALTER DATABASE ${template} WITH ALLOW_CONNECTIONS false`);
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide("postgresUrl", server.url);
  project.provide("templateDatabase", template);
  return stop;
}
