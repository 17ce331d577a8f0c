import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { linkLibraries } from "../../src/embedded/binaries.js";

it("makes the missing links, by many at once, and keeps those that exist", async () => {
  const root = await mkdtemp(join(tmpdir(), "tally-binaries-"));
  try {
    const library = join(root, "native", "lib");
    await mkdir(library, { recursive: true });
    const links = ["libpq.so", "libpq.so.5"].map((name) => ({
      source: "native/lib/libpq.so.5.18",
      target: `native/lib/${name}`,
    }));
    await writeFile(join(root, "native", "pg-symlinks.json"), JSON.stringify(links));
    await symlink("other", join(library, "libpq.so.5"));
    await Promise.all(Array.from({ length: 10 }, () => linkLibraries(root)));
    expect(await readlink(join(library, "libpq.so"))).toBe("libpq.so.5.18");
    expect(await readlink(join(library, "libpq.so.5"))).toBe("other");
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
