/** The report files of an upload: which they are, and what they contain. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { glob, isDynamicPattern } from "tinyglobby";
import type { TestResult } from "../../gen/tally/v1/run_pb.js";
import { createAttempts } from "../formats/attempts.js";
import { parseReport } from "../formats/parse-report.js";
import { ReportDamage, type ReportFormat } from "../formats/report-item.js";

export interface ReportFile {
  /** As messages show it. */
  readonly name: string;
  readonly path: string;
  readonly format: ReportFormat;
}

/** What was found in a file. */
export interface FileReport {
  readonly file: string;
  /** Test cases, which is what the results are but for `retryCount`. */
  caseCount: number;
  /** Further tries that test cases list inside themselves. */
  retryCount: number;
  /** Position of its first result in the upload. */
  firstIndex: number;
  readonly warnings: { readonly line: number; readonly message: string }[];
  /** Where it is damaged, or why it cannot be read; `line` is 0 where none is at fault. */
  problem?: { readonly line: number; readonly message: string };
}

/**
 * The files that the arguments name, by path: a file as it is, a folder with its `.xml` files, else a glob. Each
 * is there once, however many links lead to it. What matches nothing is kept as a file that cannot be read.
 */
export async function findFiles(
  args: readonly string[],
  format: ReportFormat | undefined,
): Promise<ReportFile[]> {
  const paths = new Set<string>();
  for (const arg of args) {
    const found = await stat(arg).catch(() => undefined);
    const isFolder = found?.isDirectory() === true;
    const isFile = found !== undefined && !isFolder;
    const [folder, pattern] = isFolder ? [arg, "**/*.xml"] : [".", arg];
    if (isFile || !(await addMatches(paths, pattern, folder))) paths.add(resolve(folder, pattern));
  }
  const byTarget = new Map<string, string>();
  for (const path of [...paths].sort()) {
    const target = await realpath(path).catch(() => path);
    if (!byTarget.has(target)) byTarget.set(target, path);
  }
  return [...byTarget.values()].map((path) => ({
    name: relative(process.cwd(), path) || path,
    path,
    format: format ?? (path.endsWith(".json") ? "ctrf" : "junit"),
  }));
}

/** Standard input, which `copyPipes` makes a file of. */
export function standardInput(format: ReportFormat | undefined): ReportFile {
  return { name: "standard input", path: STANDARD_INPUT, format: format ?? "junit" };
}

/**
 * The files, with copies of those that can be read only once: standard input, and pipes as a shell makes of `<(…)`.
 * The disposal removes the copies.
 */
export async function copyPipes(
  files: readonly ReportFile[],
  stdin: Readable,
): Promise<{ files: readonly ReportFile[]; [Symbol.asyncDispose](): Promise<void> }> {
  let folder: string | undefined;
  const dispose = async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  const readable: ReportFile[] = [];
  try {
    for (const file of files) {
      if (file.path !== STANDARD_INPUT && !(await isPipe(file.path))) {
        readable.push(file);
        continue;
      }
      folder ??= await mkdtemp(join(tmpdir(), "tally-"));
      const path = join(folder, randomUUID());
      const input = file.path === STANDARD_INPUT ? stdin : createReadStream(file.path);
      await pipeline(input, createWriteStream(path, { mode: 0o600 }));
      readable.push({ ...file, path });
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { files: readable, [Symbol.asyncDispose]: dispose };
}

/** A run id that the same files in the same order always get. */
export async function deriveRunId(files: readonly ReportFile[]): Promise<string> {
  const whole = createHash("sha256");
  for (const { path } of files) {
    const hash = createHash("sha256");
    try {
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    } catch {
      // Reading its results will meet the same error, and report it.
    }
    whole.update(hash.digest());
  }
  return `upload-${whole.digest("hex").slice(0, 32)}`;
}

/**
 * The results of all files, in order. A damaged file gives what came before the damage, and the next one
 * follows. What is found is written to `reports`, one for each file.
 */
export async function* readResults(
  files: readonly ReportFile[],
  variant: Readonly<Record<string, string>>,
  reports: FileReport[],
): AsyncGenerator<TestResult> {
  const attempts = createAttempts();
  let count = 0;
  for (const { name, path, format } of files) {
    const report: FileReport = {
      file: name,
      caseCount: 0,
      retryCount: 0,
      firstIndex: count,
      warnings: [],
    };
    reports.push(report);
    try {
      for await (const item of parseReport(format, createReadStream(path), { attempts })) {
        if (item.kind === "warning") {
          report.warnings.push({ line: item.line, message: item.message });
          continue;
        }
        if (item.retry) report.retryCount++;
        else report.caseCount++;
        count++;
        if (item.result.test !== undefined) Object.assign(item.result.test.variant, variant);
        yield item.result;
      }
    } catch (error) {
      report.problem = problemOf(error, path);
    }
  }
}

function problemOf(error: unknown, path: string): { line: number; message: string } {
  if (error instanceof ReportDamage) return { line: error.line, message: error.reason };
  if (!(error instanceof Error && "code" in error)) throw error;
  const isUnmatched = error.code === "ENOENT" && isDynamicPattern(path);
  return { line: 0, message: isUnmatched ? "no file matches" : error.message };
}

async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile();
}

async function addMatches(paths: Set<string>, pattern: string, cwd: string): Promise<boolean> {
  const found = await glob(pattern, { cwd, absolute: true, onlyFiles: true });
  for (const path of found) paths.add(resolve(path));
  return found.length > 0;
}

/** No path of a file, which is absolute. */
const STANDARD_INPUT = "-";
