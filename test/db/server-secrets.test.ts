import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { Pool } from "../../src/db/pool.js";
import { ensureServerSecret } from "../../src/db/server-secrets.js";
import { createTestDatabase } from "../support/database.js";

it("gives all servers that ask at once the same secret, and keeps it", async () => {
  await using database = await createTestDatabase();
  await using pool = new Pool({ url: database.url, prepare: true, size: 4 });
  const draw = () => randomBytes(32);
  const all = await Promise.all(
    Array.from({ length: 8 }, () => ensureServerSecret(pool, "page tokens", draw)),
  );
  expect(all[0]).toHaveLength(32);
  for (const secret of all) expect(secret).toEqual(all[0]);
  expect(await ensureServerSecret(pool, "page tokens", draw)).toEqual(all[0]);
  expect(await ensureServerSecret(pool, "another", draw)).not.toEqual(all[0]);
});
