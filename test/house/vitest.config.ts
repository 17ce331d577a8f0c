/** For `npm run check`: the tests of the house alone, which need no database. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: { include: ["test/house/*.test.ts"] },
});
