/** A run's summary in words, for a terminal or for the page of a build. */
import { type Run, RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { testText } from "./figures.js";
import type { ListedTest, RunSummary, TestList } from "./run-summary.js";
import { harmless } from "./table.js";
import type { UploadAnswer } from "./upload-answer.js";

export type SummaryFormat = "text" | "markdown";

/** The summary with up to `limit` tests of each kind. Names and messages are shown as they are: none is a link. */
export function summaryText(summary: RunSummary, limit: number, format: SummaryFormat): string {
  const { run, base, newFailures, otherFailures, flaky } = summary;
  const others =
    base === undefined
      ? `${tests(otherFailures.count)} failed, and no run before to compare with`
      : `${tests(otherFailures.count)} failed before too`;
  const section = (title: string, list: TestList): Section[] =>
    list.count === 0n ? [] : [{ title, lines: listLines(list, limit) }];
  return render(format, titleOf(run), [
    {
      title: countsOf(run),
      lines: [runLine("run", run), ...(base ? [runLine("base", base)] : [])],
    },
    ...refusedFailures(run),
    ...section(`${tests(newFailures.count)} failed newly`, newFailures),
    ...section(others, otherFailures),
    ...section(`${tests(flaky.count)} failed and passed on the same code`, flaky),
  ]);
}

/** What no list of tests has, since it is not stored. */
function refusedFailures({ totals }: Run): Section[] {
  const count = totals?.rejectedFailureCount ?? 0n;
  if (count === 0n) return [];
  const title = count === 1n ? "1 failure was refused" : `${count} failures were refused`;
  return [{ title, lines: ["listed by: tally rejections list"] }];
}

/** What an upload knows by itself. */
export function uploadText(upload: UploadAnswer, format: SummaryFormat): string {
  const { runId, accepted, duplicate, refused, error } = upload;
  if (error !== "") return render(format, "Tests: not uploaded", [{ title: "", lines: [error] }]);
  return render(format, "Tests: uploaded", [
    {
      title: `${accepted} stored, ${duplicate} already known, ${refused} refused`,
      lines: [`run ${runId}`],
    },
  ]);
}

interface Section {
  /** Of our own words. */
  readonly title: string;
  /** What others wrote. */
  readonly lines: readonly string[];
}

function render(format: SummaryFormat, title: string, sections: readonly Section[]): string {
  if (format === "text") {
    const texts = sections.map((each) =>
      [...(each.title === "" ? [] : [each.title]), ...each.lines.map(shown)].join("\n  "),
    );
    return [title, ...texts].join("\n\n");
  }
  const texts = sections.flatMap((each) => [
    ...(each.title === "" ? [] : [`**${each.title}**`]),
    fenced(each.lines.map(shown).join("\n")),
  ]);
  return [`### ${title}`, ...texts].join("\n\n");
}

/** A block of code, in which Markdown means nothing: its fence is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

function titleOf({ state, status }: Run): string {
  const word = (Status[status] ?? "unknown").toLowerCase();
  if (state === RunState.FINISHED) return `Tests: ${word}`;
  const soFar = state === RunState.RUNNING ? "others still run" : (RunState[state] ?? "unknown");
  return `Tests: ${word} (${soFar.toLowerCase()})`;
}

function countsOf({ totals }: Run): string {
  const counts = [
    [totals?.passedCount, "passed"],
    [totals?.failedCount, "failed"],
    [totals?.erroredCount, "errored"],
    [totals?.skippedCount, "skipped"],
    [totals?.precludedCount, "precluded"],
    [totals?.rejectedCount, "refused"],
  ] as const;
  const some = counts.filter(([count = 0n], index) => index === 0 || count > 0n);
  const total = totals?.resultCount ?? 0n;
  return `${total} ${total === 1n ? "result" : "results"}: ${some
    .map(([count = 0n, word]) => `${count} ${word}`)
    .join(", ")}`;
}

function runLine(name: string, { runId, source }: Run): string {
  const { branch = "", commitSha = "" } = source ?? {};
  return [
    `${name} ${runId}`,
    ...(branch === "" ? [] : [`branch ${branch}`]),
    ...(commitSha === "" ? [] : [`commit ${commitSha.slice(0, SHORT_SHA)}`]),
  ].join(", ");
}

function listLines({ count, tests: listed }: TestList, limit: number): string[] {
  const shownTests = listed.slice(0, limit);
  const left = count - BigInt(shownTests.length);
  return [...shownTests.flatMap(testLines), ...(left > 0n ? [`and ${left} more`] : [])];
}

function testLines({ test, message }: ListedTest): string[] {
  const [first = ""] = message.trim().split("\n", 1);
  return [testText(test), ...(first === "" ? [] : [`    ${first}`])];
}

function shown(line: string): string {
  const text = harmless(line);
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE).toWellFormed()}…` : text;
}

const tests = (count: bigint) => `${count} ${count === 1n ? "test" : "tests"}`;
const SHORT_SHA = 12;
const MAX_LINE = 300;
