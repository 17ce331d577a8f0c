/** What fails in the newest run, and what of it is news: what a team looks for first. */
import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { Run } from "../../../../gen/tally/v1/run_pb.js";
import {
  type CompareRunsResponse,
  StatsService,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount, plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Badge } from "../../ui/badges.js";
import { Section } from "../../ui/page.js";
import { Empty, QueryView, Waiting } from "../../ui/query-view.js";
import { Ago, Line, TestLabel } from "../../ui/texts.js";
import { type Failing, failingTests, type NewestRuns } from "./newest-ended.js";

/** `newest` is undefined while the runs are awaited, null where none has ended. */
export function WhatBroke({
  projectId,
  newest,
  branch,
}: {
  readonly projectId: string;
  readonly newest: NewestRuns | null | undefined;
  readonly branch: string;
}) {
  const { head, base } = newest ?? {};
  const compared = useQuery(
    StatsService.method.compareRuns,
    {
      projectId,
      baseRunId: base?.runId ?? "",
      headRunId: head?.runId ?? "",
      listSize: LIST_SIZE,
    },
    { enabled: head !== undefined },
  );
  return (
    <div className="what-broke">
      <Section
        title="What broke"
        note={head && <RunNote projectId={projectId} run={head} branch={branch} />}
        actions={
          head !== undefined &&
          head.runId !== base?.runId && (
            <Link href={paths.compare(projectId, { base: base?.runId, head: head.runId })}>
              Compare runs
            </Link>
          )
        }
      >
        <div className="overview-list">
          {newest === undefined && <Waiting rows={MAX_ROWS} />}
          {newest === null && (
            <Empty title="No run has ended yet.">
              <p>What fails is shown here as soon as one has.</p>
            </Empty>
          )}
          {head && (
            <QueryView query={compared} rows={MAX_ROWS}>
              {(answer) => <Broken projectId={projectId} compared={answer} />}
            </QueryView>
          )}
        </div>
      </Section>
    </div>
  );
}

const MAX_ROWS = 7;
/** More than are shown: of new tests, those that fail are among those that pass. */
const LIST_SIZE = 40;

function RunNote({
  projectId,
  run,
  branch,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly branch: string;
}) {
  return (
    <span className="run-note">
      in <Link href={paths.run(projectId, run.runId)}>{displayText(run.runId, 60)}</Link>,{" "}
      <Ago time={run.startTime} />, the newest{branch === "" ? "" : " of "}
      {branch !== "" && <bdi>{displayText(branch, 60)}</bdi>} that has ended
    </span>
  );
}

function Broken({
  projectId,
  compared,
}: {
  readonly projectId: string;
  readonly compared: CompareRunsResponse;
}) {
  const { newlyFailing, stillFailing, fixed, missing, addedFailingCount } = compared;
  const failing = failingTests(compared).slice(0, MAX_ROWS - 1);
  const isSame = compared.base?.runId === compared.head?.runId;
  return (
    <div className="rows-card">
      <p className="rows-summary">
        {isSame ? (
          <span>{plural(stillFailing?.count ?? 0n, "test fails", "tests fail")}</span>
        ) : (
          <>
            <Count count={newlyFailing?.count} tone="failed" text="newly failing" />
            <Count count={addedFailingCount} tone="failed" text="new and failing" />
            <Count count={stillFailing?.count} tone="skipped" text="still failing" />
            <Count count={fixed?.count} tone="passed" text="fixed" />
            <Count count={missing?.count} tone="warned" text="missing" />
          </>
        )}
      </p>
      {failing.length === 0 ? (
        <p className="rows-nothing">Nothing fails.</p>
      ) : (
        <ul className="rows">
          {failing.map((each) => (
            <FailingRow key={each.change.testId} projectId={projectId} failing={each} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Count({
  count = 0n,
  tone,
  text,
}: {
  readonly count: bigint | undefined;
  readonly tone: "failed" | "passed" | "skipped" | "warned";
  readonly text: string;
}) {
  return (
    <span className={count === 0n ? "soft" : `tone-${tone}`}>
      <strong className="number">{formatCount(count)}</strong> {text}
    </span>
  );
}

function FailingRow({
  projectId,
  failing: { change, kind },
}: {
  readonly projectId: string;
  readonly failing: Failing;
}) {
  return (
    <li className="row-of-test row-of-failure">
      <Badge tone={kind === "still" ? "skipped" : "failed"}>{WORDS[kind]}</Badge>
      <Link href={paths.test(projectId, change.testId)}>
        <TestLabel test={change.test} />
      </Link>
      <span className="wide-only small soft">
        <Line text={change.failureMessage.split("\n", 1)[0] ?? ""} />
      </span>
    </li>
  );
}

const WORDS = { new: "Newly", added: "New test", still: "Still" } as const;
