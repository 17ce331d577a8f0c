/** Which lines of two texts differ. */

/** A line of the expected text alone, of the actual one alone, or of both. */
export interface DiffLine {
  readonly kind: "expected" | "actual" | "both";
  readonly text: string;
}

/** Above so many pairs of lines the differing middle is not aligned: all that was expected, then all that was found. */
const MAX_PAIRS = 250_000;

/** The lines in order, by the longest common subsequence; expected ones before actual ones where they differ. */
export function diffLines(expected: string, actual: string): readonly DiffLine[] {
  const before = expected.split("\n");
  const after = actual.split("\n");
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  return [
    ...lines("both", before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...lines("both", before.slice(before.length - tail)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  if (before.length * after.length > MAX_PAIRS) {
    return [...lines("expected", before), ...lines("actual", after)];
  }
  const width = after.length + 1;
  // common[i * width + j]: length of the longest common subsequence of before from i and after from j.
  const common = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const diff: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      diff.push({ kind: "both", text: before[i] ?? "" });
      i++;
      j++;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      diff.push({ kind: "expected", text: before[i++] ?? "" });
    } else {
      diff.push({ kind: "actual", text: after[j++] ?? "" });
    }
  }
  return [...diff, ...lines("expected", before.slice(i)), ...lines("actual", after.slice(j))];
}

function lines(kind: DiffLine["kind"], texts: readonly string[]): readonly DiffLine[] {
  return texts.map((text) => ({ kind, text }));
}
