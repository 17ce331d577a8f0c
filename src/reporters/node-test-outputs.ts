/**
 * What files print, which node:test passes on without saying of which test: it belongs to the file alone. The end is
 * kept, where Node writes why a file does not load.
 */
import { resolve } from "node:path";
import { limits } from "../limits.js";
import { plain } from "./result-parts.js";

export interface Outputs {
  add(file: string, stream: "stdout" | "stderr", text: string): void;
  /** The last of what the file printed; it is forgotten then. */
  take(file: string): { readonly stdout: string; readonly stderr: string };
}

/** @param folder that names of files are relative to. */
export function createOutputs(folder: string): Outputs {
  const files = new Map<string, Record<"stdout" | "stderr", Tail>>();
  return {
    add(file, stream, text) {
      const key = resolve(folder, file);
      const tails = files.get(key) ?? { stdout: newTail(), stderr: newTail() };
      // A map keeps its order: the first file is the one that has been silent for longest.
      files.delete(key);
      files.set(key, tails);
      const [oldest] = files.keys();
      if (files.size > MAX_FILES && oldest !== undefined) files.delete(oldest);
      append(tails[stream], text);
    },
    take(file) {
      const key = resolve(folder, file);
      const { stdout, stderr } = files.get(key) ?? { stdout: newTail(), stderr: newTail() };
      files.delete(key);
      return { stdout: textOf(stdout), stderr: textOf(stderr) };
    },
  };
}

interface Tail {
  readonly chunks: string[];
  length: number;
}

function newTail(): Tail {
  return { chunks: [], length: 0 };
}

function append(tail: Tail, text: string): void {
  tail.chunks.push(text);
  tail.length += text.length;
  for (let [first] = tail.chunks; first !== undefined; [first] = tail.chunks) {
    if (tail.length - first.length < MAX_LENGTH) return;
    tail.chunks.shift();
    tail.length -= first.length;
  }
}

function textOf({ chunks }: Tail): string {
  return plain(chunks.join("")).slice(-MAX_LENGTH);
}

/** As many files as print at the same time, at most. */
const MAX_FILES = 64;
/** In UTF-16 units, each of at most three UTF-8 bytes: so nothing is cut from the end later. */
const MAX_LENGTH = Math.floor(limits.outputBytes / 3);
