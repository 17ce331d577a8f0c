/** Which content coding a client likes best: RFC 9110, section 12.5.3. */

/**
 * The coding of `available` that `accept-encoding` weighs highest, the first of equals; `identity` if it weighs that
 * higher, takes none of them, or is not there. What is no coding with a weight is passed over.
 */
export function chooseCoding(acceptEncoding: string, available: Iterable<string>): string {
  const weights = readWeights(acceptEncoding);
  const weightOf = (coding: string, unnamed: number) =>
    weights.get(coding) ?? weights.get("*") ?? unnamed;
  let best = "identity";
  let bestWeight = 0;
  for (const coding of available) {
    const weight = weightOf(coding, 0);
    if (weight > bestWeight) [best, bestWeight] = [coding, weight];
  }
  return weightOf("identity", LEAST) > bestWeight ? "identity" : best;
}

function readWeights(acceptEncoding: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const element of acceptEncoding.split(",")) {
    const [, coding, weight = "1"] = ELEMENT.exec(element.trim()) ?? [];
    if (coding !== undefined) weights.set(coding.toLowerCase(), Number(weight));
  }
  return weights;
}

const ELEMENT = /^([\w!#$%&'*+.^`|~-]+)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i;

/** Below every weight that can be given: identity is taken where it is not named, and liked least. */
const LEAST = 0.0001;
