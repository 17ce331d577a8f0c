import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/**
 * Puts a `.br` and a `.gz` beside each file of the folder that is smaller for it, so that the server compresses nothing.
 *
 * @param {string} folder
 */
export function compressFolder(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.(?:br|gz)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    const brotli = brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    });
    keepIfSmaller(`${path}.br`, brotli, bytes);
    keepIfSmaller(`${path}.gz`, gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }), bytes);
  }
}

/**
 * Writes the packed form, or removes an older one that would be of no use.
 *
 * @param {string} path
 * @param {Buffer} packed
 * @param {Buffer} plain
 */
function keepIfSmaller(path, packed, plain) {
  if (packed.length < plain.length) writeFileSync(path, packed);
  else rmSync(path, { force: true });
}
