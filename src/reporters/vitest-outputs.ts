/** What tests print, until they end. */
import type { UserConsoleLog } from "vitest";
import { plain } from "./result-parts.js";

export type Log = Pick<UserConsoleLog, "content" | "type" | "taskId">;

export interface Outputs {
  add(log: Log): void;
  /** What a test has printed until now, without colours; forgotten then. */
  take(testId: string): { readonly stdout?: string; readonly stderr?: string };
}

/** Keeps what Vitest keeps as well: the pieces, not copies of them. */
export function createOutputs(): Outputs {
  const kept = new Map<string, { stdout: string[]; stderr: string[] }>();
  return {
    add({ taskId, type, content }) {
      if (taskId === undefined) return;
      const pieces = kept.get(taskId) ?? { stdout: [], stderr: [] };
      kept.set(taskId, pieces);
      pieces[type].push(content);
    },
    take(testId) {
      const pieces = kept.get(testId);
      if (pieces === undefined) return {};
      kept.delete(testId);
      return { stdout: plain(pieces.stdout.join("")), stderr: plain(pieces.stderr.join("")) };
    },
  };
}
