/** Rows that come in the order of their keys, in bounded memory. */

/** What rows with equal keys that follow each other make together. */
export async function* accumulate<Row, Group>(
  rows: AsyncIterable<Row>,
  keyOf: (row: Row) => string,
  create: (row: Row) => Group,
  add: (group: Group, row: Row) => void,
): AsyncGenerator<Group> {
  let key: string | undefined;
  let group: Group | undefined;
  for await (const row of rows) {
    const next = keyOf(row);
    if (group === undefined || next !== key) {
      if (group !== undefined) yield group;
      group = create(row);
      key = next;
    }
    add(group, row);
  }
  if (group !== undefined) yield group;
}

/** Both streams side by side, in their common order: what has no counterpart comes alone. */
export async function* sideBySide<Left, Right>(
  left: AsyncIterator<Left>,
  right: AsyncIterator<Right>,
  compare: (left: Left, right: Right) => number,
): AsyncGenerator<{ readonly left?: Left; readonly right?: Right }> {
  let l = await left.next();
  let r = await right.next();
  while (!l.done || !r.done) {
    const order = l.done ? 1 : r.done ? -1 : compare(l.value, r.value);
    yield {
      ...(order <= 0 && !l.done ? { left: l.value } : {}),
      ...(order >= 0 && !r.done ? { right: r.value } : {}),
    };
    if (order <= 0) l = await left.next();
    if (order >= 0) r = await right.next();
  }
}

/** The order of keys that are numbers in decimal, which may be negative. */
export function compareNumbers(a: string, b: string): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
