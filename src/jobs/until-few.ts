/** Repeats a statement that takes up to `limit` rows until it finds fewer; how many it took. */
export async function untilFew(
  limit: number,
  statement: (limit: number) => Promise<number>,
): Promise<number> {
  for (let sum = 0; ; ) {
    const rows = await statement(limit);
    sum += rows;
    if (rows < limit) return sum;
  }
}
