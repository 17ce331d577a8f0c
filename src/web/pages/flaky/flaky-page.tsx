/** Tests that failed and passed on the same code, with the proof. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { Verdict } from "../../../../gen/tally/v1/stats_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Button } from "../../ui/button.js";
import { Choice } from "../../ui/choice.js";
import { ExpandingList } from "../../ui/expanding-list.js";
import { FlakyProof } from "../../ui/flake-evidence.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useKeptUp } from "../../ui/use-kept-up.js";
import { daysQuery, useParam, useWindowDays } from "../../ui/use-params.js";
import { WindowChoice } from "../../ui/window-choice.js";
import type { ProjectPageProps } from "../project-page.js";
import { FlakyHead } from "./flaky-head.js";
import "../../styles/flaky.css";

export default function FlakyPage({ projectId }: ProjectPageProps) {
  const [days] = useWindowDays();
  const [verdict, setVerdict] = useParam("verdict", "all", CHOICES);
  const [isReading, setReading] = useState(false);
  const flaky = useInfiniteQuery(
    StatsService.method.listFlakyTests,
    { projectId, windowDays: days, verdicts: [...VERDICTS[verdict].verdicts], pageToken: "" },
    {
      ...byPageToken,
      ...useKeptUp(isReading),
    },
  );
  const rows = useMemo(() => flaky.data?.pages.flatMap((page) => page.tests) ?? [], [flaky.data]);
  const maxRate = Math.max(
    0.1,
    ...(flaky.data?.pages[0]?.tests.map(({ test }) => test?.figures?.flakeRate?.upper ?? 0) ?? []),
  );
  return (
    <Page
      title="Flaky tests"
      filters={
        <>
          <Choice
            label="Verdict"
            value={verdict}
            options={CHOICES.map((value) => ({ value, text: VERDICTS[value].text }))}
            onChoose={setVerdict}
          />
          <WindowChoice />
        </>
      }
    >
      <p className="soft page-note">
        A test is flaky if it failed and passed on the same code, in the same job. The most certain
        come first: by the lower end of the flake rate's 95 % interval.
      </p>
      <QueryView query={flaky} rows={10}>
        {() =>
          rows.length === 0 && !flaky.hasNextPage ? (
            <Empty title="No test was flaky in this window.">
              {verdict === "all" ? (
                <p>It takes a retry, or two runs of one commit, to show that a test is flaky.</p>
              ) : (
                <Button onClick={() => setVerdict("all")}>Show every verdict</Button>
              )}
            </Empty>
          ) : (
            <ExpandingList
              label="Flaky tests"
              rows={rows}
              rowKey={({ test }) => test?.testId ?? ""}
              summary={(row) => <FlakyHead flaky={row} maxRate={maxRate} />}
              details={(row) => (
                <>
                  <FlakyProof projectId={projectId} flaky={row} days={days} />
                  <Link href={paths.test(projectId, row.test?.testId ?? "", daysQuery(days))}>
                    History of this test
                  </Link>
                </>
              )}
              more={flaky}
              onReading={setReading}
            />
          )
        }
      </QueryView>
    </Page>
  );
}

const VERDICTS = {
  all: { verdicts: [], text: "All" },
  flaky: { verdicts: [Verdict.FLAKY], text: "Flaky" },
  recovered: { verdicts: [Verdict.RECOVERED], text: "Recovered" },
  broken: { verdicts: [Verdict.BROKEN], text: "Broken" },
} as const;
const CHOICES = Object.keys(VERDICTS) as readonly (keyof typeof VERDICTS)[];
