/** Secrets that all servers of a database share. */
import type { Queryable } from "./queryable.js";

/**
 * The secret of that name, drawn by whichever server asks first: 16 to 1,024 bytes. Several may ask at once;
 * all get the same.
 */
export async function ensureServerSecret(
  db: Queryable,
  name: string,
  draw: () => Uint8Array,
): Promise<Uint8Array> {
  const read = () => db.query<{ value: Uint8Array }>(READ, [name]);
  let [row] = await read();
  if (row === undefined) {
    await db.query(INSERT, [name, draw()]);
    [row] = await read();
  }
  if (row === undefined) throw new Error(`the secret ${name} is gone`);
  return row.value;
}

const READ = "SELECT value FROM server_secrets WHERE name = $1";

const INSERT = "INSERT INTO server_secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
