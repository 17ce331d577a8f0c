/** Why a test of node:test failed: Node wraps what was thrown, and says what kind of failure it is. */
import { inspect } from "node:util";
import type { TestResultInit } from "../client/index.js";
import { type ErrorLike, failureOf, plain } from "./result-parts.js";

export interface NodeTestFailure {
  /** Node's own word, as `testCodeFailure`. */
  readonly type: string;
  /** The hook that failed, as `before hook`. */
  readonly hook: string | undefined;
  readonly shown: NonNullable<TestResultInit["failure"]>;
}

/** Reads the error of `test:fail`; nothing of it can be relied on. */
export function readFailure(error: unknown): NodeTestFailure {
  const wrapper: NodeError = isObject(error) ? error : { message: inspect(error) };
  const type = plain(wrapper.failureType);
  // A hook that is not named is the one after a whole file.
  const [, hook = "after"] = /^failed running (\w+) hook/.exec(plain(wrapper.message)) ?? [];
  const thrown = wrapper.cause === undefined ? wrapper : wrapper.cause;
  const shown = failureOf([isObject(thrown) ? readThrown(thrown) : { message: String(thrown) }]);
  const exit = exitOf(wrapper);
  return {
    type,
    hook: type === "hookFailed" ? `${hook} hook` : undefined,
    shown: { ...shown, ...(exit === "" ? {} : { message: exit }), kind: kindOf(type, thrown) },
  };
}

interface NodeError extends ErrorLike {
  readonly failureType?: unknown;
  readonly cause?: unknown;
  readonly code?: unknown;
  readonly exitCode?: unknown;
  readonly signal?: unknown;
}

/** Expected and actual are values of any type. */
function readThrown(error: NodeError): ErrorLike {
  if (error.code !== ASSERTION) return error;
  const { name, message, stack, expected, actual } = error;
  return { name, message, stack, expected: textOf(expected), actual: textOf(actual) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : inspect(value, { depth: 4 });
}

/** How the process of a file ended. */
function exitOf({ exitCode, signal }: NodeError): string {
  if (typeof signal === "string") return `The file was ended by ${signal}.`;
  return typeof exitCode === "number" ? `The file exited with code ${exitCode}.` : "";
}

function kindOf(type: string, thrown: unknown): string {
  if (isObject(thrown) && thrown.code === ASSERTION) return "assertion";
  return KINDS[type] ?? type;
}

function isObject(value: unknown): value is NodeError {
  return typeof value === "object" && value !== null;
}

const ASSERTION = "ERR_ASSERTION";
const KINDS: Readonly<Record<string, string>> = {
  testTimeoutFailure: "timeout",
  hookFailed: "hook",
  testCodeFailure: "",
};
