/** A disk of some megabytes that a test can fill. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk extends Disposable {
  readonly folder: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
}

const MOUNT = "mount";
const UNMOUNT = "umount";
const BLOCK = Buffer.alloc(65_536, 1);

/** Mounts a disk in memory on a new folder. */
export function mountSmallDisk(folder: string, sizeMiB: number): SmallDisk {
  mkdirSync(folder);
  const args = ["-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", folder];
  const { status } = spawnSync(MOUNT, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`nothing can be mounted on ${folder}`);
  const ballast = join(folder, "ballast");
  return {
    folder,
    async fill() {
      await using file = await open(ballast, "w");
      for (;;) {
        try {
          await file.write(BLOCK);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
          throw error;
        }
      }
    },
    free: () => truncate(ballast),
    // Lazily: whoever still has a file open there does not hinder it.
    [Symbol.dispose]: () => spawnSync(UNMOUNT, ["-l", folder], { stdio: "ignore" }),
  };
}

/** Only root can mount, and not in every container. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "tally-mount-"));
  try {
    mountSmallDisk(join(folder, "disk"), 1)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
