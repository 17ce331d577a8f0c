import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { paths } from "../../routes.js";
import { VerdictBadge } from "../../ui/badges.js";
import { Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { RateText } from "../../ui/rate-text.js";
import { Ago, TestLabel } from "../../ui/texts.js";
import { daysQuery } from "../../ui/use-params.js";

const MAX_ROWS = 5;

/** The tests that are most certainly flaky. */
export function FlakiestTests({
  projectId,
  days,
  note,
  asks,
}: {
  readonly projectId: string;
  readonly days: number;
  readonly note: string;
  /** Whether it is its turn to ask the server. */
  readonly asks: boolean;
}) {
  const flaky = useQuery(
    StatsService.method.listFlakyTests,
    { projectId, windowDays: days, pageSize: MAX_ROWS },
    { refetchInterval: 60_000, enabled: asks },
  );
  return (
    <Section
      title="Flakiest tests"
      note={note}
      actions={<Link href={paths.flaky(projectId, daysQuery(days))}>All flaky tests</Link>}
    >
      <div className="overview-short-list">
        <QueryView query={flaky} rows={MAX_ROWS}>
          {({ tests }) =>
            tests.length === 0 ? (
              <p className="rows-card rows-nothing">
                No test failed and passed on the same code in this window.
              </p>
            ) : (
              <ul className="rows rows-card">
                {tests.map(({ test, lastTime }) => (
                  <li key={test?.testId} className="row-of-test row-of-figures">
                    <Link href={paths.test(projectId, test?.testId ?? "", daysQuery(days))}>
                      <TestLabel test={test?.test} />
                    </Link>
                    <span>{test && <VerdictBadge verdict={test.verdict} />}</span>
                    <span className="align-end small">
                      <span className="line">
                        <RateText rate={test?.figures?.flakeRate} />
                      </span>
                      <span className="line soft">
                        <Ago time={lastTime} />
                      </span>
                    </span>
                  </li>
                ))}
              </ul>
            )
          }
        </QueryView>
      </div>
    </Section>
  );
}
