/** The dashboard's files in memory, each with the forms in which the build has packed it. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";

/** The files by the path of their address: `/assets/index-4f2a.js`. Nothing else can be asked for. */
export type WebFiles = ReadonlyMap<string, WebFile>;

/** One file. */
export interface WebFile {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly plain: WebContent;
  /** By content coding, the better one first; without those that the build found no smaller. */
  readonly packed: ReadonlyMap<string, WebContent>;
}

/** What is sent of a file. */
export interface WebContent {
  readonly bytes: Buffer;
  /** Of these bytes, in quotes. */
  readonly etag: string;
}

/** The files of a folder; none if there is no such folder. */
export async function readWebFiles(folder: string): Promise<WebFiles> {
  const contents = await readContents(folder);
  const files = new Map<string, WebFile>();
  for (const [path, plain] of contents) {
    if (contents.has(unpackedPath(path))) continue;
    const packed = new Map<string, WebContent>();
    for (const [coding, ending] of PACKED) {
      const content = contents.get(path + ending);
      if (content !== undefined) packed.set(coding, content);
    }
    files.set(path, {
      contentType: CONTENT_TYPES.get(extname(path)) ?? "application/octet-stream",
      cacheControl: path.startsWith("/assets/") ? UNCHANGING : "no-cache",
      plain,
      packed,
    });
  }
  return files;
}

async function readContents(folder: string): Promise<Map<string, WebContent>> {
  const contents = new Map<string, WebContent>();
  for (const entry of await listFolder(folder)) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = await readFile(file);
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    contents.set(`/${relative(folder, file).replaceAll(sep, "/")}`, { bytes, etag });
  }
  return contents;
}

async function listFolder(folder: string) {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** `/a.js` of `/a.js.br`. */
function unpackedPath(path: string): string {
  const ending = PACKED.find(([, each]) => path.endsWith(each))?.[1] ?? "";
  return ending === "" ? "" : path.slice(0, -ending.length);
}

const PACKED = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

/** Their names have a hash of their content. */
const UNCHANGING = "public, max-age=31536000, immutable";

const CONTENT_TYPES = new Map([
  [".css", "text/css; charset=utf-8"],
  [".html", "text/html; charset=utf-8"],
  [".ico", "image/x-icon"],
  [".js", "text/javascript; charset=utf-8"],
  [".json", "application/json"],
  [".png", "image/png"],
  [".svg", "image/svg+xml"],
  [".txt", "text/plain; charset=utf-8"],
  [".webmanifest", "application/manifest+json"],
  [".woff2", "font/woff2"],
]);
