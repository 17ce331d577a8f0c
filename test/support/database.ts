/** A database of its own for a test file. */
import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { Connection } from "../../src/db/client.js";

export interface TestDatabase extends AsyncDisposable {
  /** Of a superuser. */
  readonly url: string;
}

/** A new database with all migrations applied. Disposing drops it, and ends who is still connected. */
export function createTestDatabase(): Promise<TestDatabase> {
  return create(inject("templateDatabase"));
}

/** A new database with nothing in it, for tests of migrations and of the driver. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return create("template0");
}

/** The same that sorts text as English does: a before B. */
export function createEnglishDatabase(): Promise<TestDatabase> {
  return create("template0", "LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
}

async function create(template: string, locale = ""): Promise<TestDatabase> {
  const name = `tally_test_${randomBytes(6).toString("hex")}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template} ENCODING 'UTF8' ${locale}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function administer(statement: string): Promise<void> {
  await using connection = new Connection({ url: inject("postgresUrl"), prepare: false });
  await connection.run(statement);
}
