/** What failures of the driver mean for the code above. */
import { DbError, type DbErrorKind } from "./errors.js";

/** What a thrown value of the driver means for the code above. */
export function classify(cause: unknown): DbError {
  if (cause instanceof DbError) return cause;
  const fields = (cause ?? {}) as { code?: unknown; message?: unknown; constraint_name?: unknown };
  const code = typeof fields.code === "string" ? fields.code : "";
  const message = typeof fields.message === "string" ? fields.message : String(cause);
  const constraint = typeof fields.constraint_name === "string" ? fields.constraint_name : "";
  const sqlState = SQL_STATE.test(code) ? code : "";
  return new DbError(kindOf(sqlState), message, sqlState, constraint, { cause });
}

/** Without an SQL state the failure is the connection's: refused, reset, closed, timed out. */
function kindOf(sqlState: string): DbErrorKind {
  if (sqlState === "" || isConnectionLoss(sqlState)) return "transient";
  if (sqlState === "23505") return "unique";
  if (sqlState === "23514") return "check";
  if (sqlState === "57014") return "timeout";
  if (TRANSIENT.has(sqlState) || /^(53|58)/.test(sqlState)) return "transient";
  if (/^(22|23|54)/.test(sqlState)) return "poison";
  return "bug";
}

/** Class 08 and the shutdowns of class 57: the connection is of no more use. */
export function isConnectionLoss(sqlState: string): boolean {
  return sqlState.startsWith("08") || ["57P01", "57P02", "57P03", "57P05"].includes(sqlState);
}

/** By the classes of Postgres: EPIPE is none, although it looks like a state. */
const SQL_STATE = /^[0-9FHPX][0-9A-Z]{4}$/;
/** Serialization failure, deadlock, lock not available, and a server that has become read-only. */
const TRANSIENT = new Set(["40001", "40P01", "55P03", "25006"]);
