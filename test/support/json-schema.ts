/** As much of JSON Schema (draft 7) as CTRF's schema uses, but for formats. */

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly pattern?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
}

/** What of the value the schema does not allow, by path. */
export function violations(schema: JsonSchema, value: unknown, path = "", root = schema): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/definitions/", "");
    return violations(root.definitions?.[name] ?? {}, value, path, root);
  }
  if (schema.type !== undefined && !isType(value, schema.type)) {
    return [`${path} is no ${schema.type}`];
  }
  const found: string[] = [];
  const fail = (reason: string) => void found.push(`${path} ${reason}`);
  if (schema.const !== undefined && value !== schema.const) fail(`is not ${schema.const}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) fail("is none of the enum");
  if (
    schema.anyOf !== undefined &&
    !schema.anyOf.some((each) => violations(each, value, path, root).length === 0)
  ) {
    fail("fits none of the alternatives");
  }
  if (typeof value === "string") {
    if (value.length < (schema.minLength ?? 0)) fail("is too short");
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
      fail(`does not match ${schema.pattern}`);
    }
  }
  if (typeof value === "number" && value < (schema.minimum ?? value)) fail("is too small");
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0)) fail("has too few items");
    const { items = {} } = schema;
    found.push(...value.flatMap((item, at) => violations(items, item, join(path, at), root)));
  } else if (isType(value, "object")) {
    found.push(...objectViolations(schema, value as Record<string, unknown>, path, root));
  }
  return found;
}

function objectViolations(
  { required = [], properties = {}, additionalProperties = true }: JsonSchema,
  object: Readonly<Record<string, unknown>>,
  path: string,
  root: JsonSchema,
): string[] {
  const missing = required.filter((name) => !Object.hasOwn(object, name));
  return [
    ...missing.map((name) => `${join(path, name)} is missing`),
    ...Object.entries(object).flatMap(([name, value]) => {
      const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      if (known === false) return [`${join(path, name)} is not allowed`];
      return typeof known === "object" ? violations(known, value, join(path, name), root) : [];
    }),
  ];
}

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function join(path: string, name: string | number): string {
  return path === "" ? String(name) : `${path}.${name}`;
}
