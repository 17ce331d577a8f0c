/** The version of this program, from the manifest that it was installed with. */
import { readFileSync } from "node:fs";

/** The version, for example `0.1.0`. */
export function readVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        version?: unknown;
      };
      if (typeof manifest.version === "string") return manifest.version;
    } catch {
      // Sources and built files lie at different depths: the other one has it.
    }
  }
  return "unknown";
}
