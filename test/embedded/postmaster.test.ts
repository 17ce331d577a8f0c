/** How long a postmaster is waited for; a script stands in for it. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type PostmasterOptions, startPostmaster } from "../../src/embedded/postmaster.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-postmaster-"));
  await mkdir(join(folder, "postgres"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the lines of shell, in which `says` writes the file that a postmaster writes. */
async function start(lines: string): Promise<ReturnType<typeof startPostmaster>> {
  const cluster = join(folder, "postgres");
  const postgres = join(folder, "program");
  const says = `says() { printf '%s\\n\\n\\n\\n\\n\\n\\n%s\\n' $$ "$1" > "${cluster}/postmaster.pid"; }`;
  await writeFile(postgres, `#!/bin/sh\n${says}\n${lines}\n`);
  await chmod(postgres, 0o755);
  return startPostmaster({
    binaries: { postgres } as PostmasterOptions["binaries"],
    identity: { prefix: [], user: {} } as unknown as PostmasterOptions["identity"],
    cluster,
    port: 1,
    settings: {},
    onLog: () => {},
    signal: new AbortController().signal,
    silenceMs: 1_000,
  });
}

it("is waited for as long as it says that it starts", async () => {
  const postmaster = await start("says starting; sleep 2; says ready; exec sleep 60");
  await postmaster.stop();
});

it("is waited for although its file is read while it is written", async () => {
  const cut = `: > "${join(folder, "postgres", "postmaster.pid")}"`;
  const lines = `says starting; sleep 1.2; ${cut}; sleep 0.1; says starting; sleep 1.2; says ready; exec sleep 60`;
  const postmaster = await start(lines);
  await postmaster.stop();
});

it("is given up when it says nothing", async () => {
  await expect(start("exec sleep 60")).rejects.toThrow("does not start");
});
