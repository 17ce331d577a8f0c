/** Names of organizations, projects and tokens. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { callError, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";

/** The trimmed name; what is wrong with it is added to the violations. */
export function readName(violations: Violation[], field: string, value: string): string {
  const name = value.trim();
  checkName(violations, field, name, limits.nameBytes, true);
  return name;
}

/** ALREADY_EXISTS with the id of the one that has the name. */
export function nameTaken(
  resource: "organization" | "project",
  name: string,
  id: string,
): ConnectError {
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return callError(Code.AlreadyExists, `${resource} ${JSON.stringify(shown)} exists: ${id}`, {
    reason: `${resource.toUpperCase()}_EXISTS`,
    metadata: { [`${resource}_id`]: id },
  });
}
