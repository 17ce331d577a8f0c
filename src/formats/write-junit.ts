/** Writes results as JUnit XML, a test at a time. */
import { addCommonLosses, type Losses } from "./losses.js";
import { groupTries, type PartResult } from "./tries.js";
import { caseText, isRetryOf } from "./write-junit-case.js";
import { xmlAttribute } from "./xml-text.js";

/**
 * The text of a report, in pieces. Every result is a `<testcase>` of its own, the tries of a test one after the
 * other, but for results that were read from Surefire's elements for retries, which become such elements again. A
 * suite is open for as long as its tests follow each other. What XML cannot hold is counted in `losses`.
 */
export async function* writeJunit(
  name: string,
  results: AsyncIterable<PartResult> | Iterable<PartResult>,
  losses: Losses,
): AsyncGenerator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${xmlAttribute("name", name)}>\n`;
  let suite: string | undefined;
  for await (const tries of groupTries(results)) {
    for (const [index, each] of tries.entries()) addCommonLosses(each, index + 1, losses);
    const next = tries[0]?.result.test?.suite ?? "";
    if (next !== suite) {
      if (suite !== undefined) yield "</testsuite>\n";
      yield `<testsuite${xmlAttribute("name", next)}>\n`;
      suite = next;
    }
    yield casesOf(tries, losses);
  }
  if (suite !== undefined) yield "</testsuite>\n";
  yield "</testsuites>\n";
}

/** Each case takes the flaky tries before it and the reruns after it. */
function casesOf(tries: readonly PartResult[], losses: Losses): string {
  const results = tries.map(({ result }) => result);
  let text = "";
  for (let at = 0; at < results.length; ) {
    let own = at;
    while (results[own]?.rawStatus.startsWith("flaky")) own++;
    const base = results[own];
    // Flaky tries that nothing follows, or that their case would not tell, are cases themselves.
    const before = results.slice(at, own);
    if (base === undefined || !before.every((retry) => isRetryOf(retry, base))) own = at;
    const self = results[own];
    if (self === undefined) break;
    let end = own + 1;
    for (let next = results[end]; next !== undefined; next = results[++end]) {
      if (!next.rawStatus.startsWith("rerun") || !isRetryOf(next, self)) break;
    }
    text += caseText(self, results.slice(at, own), results.slice(own + 1, end), losses);
    at = end;
  }
  return text;
}
