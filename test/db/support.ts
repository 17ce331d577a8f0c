/** What tests of connections share. */
import type { Connection } from "../../src/db/client.js";
import { DbError } from "../../src/db/errors.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

/** What a rejected promise rejects with; anything but a DbError fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<DbError> {
  const outcome = await promise.then(
    () => "no failure",
    (error: unknown) => error,
  );
  if (!(outcome instanceof DbError)) throw new Error("not a DbError", { cause: outcome });
  return outcome;
}

/** The backend that serves the connection. */
export async function pidOf(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  if (row === undefined) throw new Error("no row");
  return row.pid;
}

/** Asks until the answer is yes; the test's own limit ends it. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A proxy in front of a database. */
export function proxyOf(databaseUrl: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(databaseUrl);
  return startTcpProxy({ host: hostname, port: Number(port || 5432) });
}
