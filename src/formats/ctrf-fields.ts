/** The fields of a CTRF test, by its JSON Schema (https://github.com/ctrf-io/ctrf, schema/ctrf.schema.json). */

type Json = Readonly<Record<string, unknown>>;
type Kind = "text" | "number" | "flag" | "texts" | "objects" | "object" | "unkept" | "needless";

/** Counts fields that a file has and nothing of a result holds. */
export type Unkept = Map<string, number>;

/**
 * Warns of values that cannot be read because they are of another kind than the schema says, and counts the fields
 * that are not kept. A null is taken for absent.
 */
export function checkCtrfTest(test: Json, unkept: Unkept, warn: (message: string) => void): void {
  checkFields(test, TEST_FIELDS, "", unkept, warn);
  const tries: unknown = test["retryAttempts"];
  for (const each of Array.isArray(tries) ? tries : []) {
    if (isObject(each)) checkFields(each, RETRY_FIELDS, "retryAttempts.", unkept, warn);
  }
}

/** What is not kept of the file, as one warning; undefined if all of it is. */
export function unkeptText(unkept: Unkept): string | undefined {
  if (unkept.size === 0) return undefined;
  const fields = [...unkept].map(([field, count]) => `${field} (${count})`);
  return `not kept, since results have no place for it: ${fields.join(", ")}`;
}

function checkFields(
  object: Json,
  fields: ReadonlyMap<string, Kind>,
  path: string,
  unkept: Unkept,
  warn: (message: string) => void,
): void {
  for (const [name, value] of Object.entries(object)) {
    if (value === null || (name === "extra" && isOurs(value))) continue;
    const kind = fields.get(name);
    if (kind === undefined || kind === "unkept") {
      const field = path + name.slice(0, MAX_NAME_CHARACTERS);
      if (unkept.has(field) || unkept.size < MAX_NAMES) {
        unkept.set(field, (unkept.get(field) ?? 0) + 1);
      }
    } else if (!isKind(value, kind)) {
      warn(`${path}${name} is no ${WORDS[kind]}`);
    }
  }
}

/** Nothing but what an export has put there. */
function isOurs(value: unknown): boolean {
  return isObject(value) && Object.keys(value).every((key) => key === "tally");
}

function isKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    case "number":
      // Its text is read too.
      return value !== "" && Number.isFinite(Number(value));
    case "flag":
      return typeof value === "boolean";
    case "texts":
      // Before version 1 a suite was one text.
      return typeof value === "string" || Array.isArray(value);
    case "objects":
      return Array.isArray(value) && value.every(isObject);
    case "object":
      return isObject(value);
    default:
      return true;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const WORDS: Readonly<Partial<Record<Kind, string>>> = {
  text: "text",
  number: "number",
  flag: "boolean",
  texts: "list of texts",
  objects: "list of objects",
  object: "object",
};
/** Ids say what name and place say as well, and insights come from other runs: nobody needs to hear of them. */
export const TEST_FIELDS: ReadonlyMap<string, Kind> = new Map([
  ["id", "needless"],
  ["testId", "needless"],
  ["executionId", "needless"],
  ["name", "text"],
  ["status", "text"],
  ["duration", "text"],
  ["start", "number"],
  ["stop", "number"],
  ["suite", "texts"],
  ["message", "text"],
  ["trace", "text"],
  ["snippet", "unkept"],
  ["ai", "unkept"],
  ["line", "number"],
  ["rawStatus", "text"],
  ["tags", "texts"],
  ["labels", "object"],
  ["type", "unkept"],
  ["filePath", "text"],
  ["retries", "number"],
  ["retryAttempts", "objects"],
  ["flaky", "flag"],
  ["stdout", "texts"],
  ["stderr", "texts"],
  ["threadId", "unkept"],
  ["browser", "text"],
  ["device", "text"],
  ["screenshot", "unkept"],
  ["attachments", "unkept"],
  ["parameters", "object"],
  ["steps", "unkept"],
  ["insights", "needless"],
  ["extra", "unkept"],
]);
/** The fields of one of the `retryAttempts`. */
export const RETRY_FIELDS: ReadonlyMap<string, Kind> = new Map([
  ["attempt", "number"],
  ["attemptId", "needless"],
  ["status", "text"],
  ["duration", "text"],
  ["message", "text"],
  ["trace", "text"],
  ["line", "unkept"],
  ["snippet", "unkept"],
  ["stdout", "texts"],
  ["stderr", "texts"],
  ["start", "number"],
  ["stop", "number"],
  ["attachments", "unkept"],
  ["extra", "unkept"],
]);
const MAX_NAMES = 100;
const MAX_NAME_CHARACTERS = 80;
