import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { StatsService, TestSort } from "../../../../gen/tally/v1/stats_service_pb.js";
import { durationMs, formatDuration } from "../../format/times.js";
import { paths } from "../../routes.js";
import { Choice } from "../../ui/choice.js";
import { Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { TestLabel } from "../../ui/texts.js";
import { daysQuery, useParam } from "../../ui/use-params.js";

const MAX_ROWS = 5;
const ORDERS = ["total", "p95"] as const;

/** The tests that take most time: all their results together, or a single one. */
export function SlowestTests({
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
  const [order, setOrder] = useParam("slowest", "total", ORDERS);
  const sort = order === "p95" ? TestSort.P95_DURATION : TestSort.TOTAL_TIME;
  const tests = useQuery(
    StatsService.method.listTests,
    { projectId, windowDays: days, sort, pageSize: MAX_ROWS },
    { refetchInterval: 60_000, enabled: asks },
  );
  return (
    <Section
      title="Slowest tests"
      note={note}
      actions={
        <>
          <Choice
            label="By"
            value={order}
            options={[
              { value: "total", text: "Total time" },
              { value: "p95", text: "p95" },
            ]}
            onChoose={setOrder}
          />
          <Link href={paths.tests(projectId, { sort: order, ...daysQuery(days) })}>All tests</Link>
        </>
      }
    >
      <div className="overview-short-list">
        <QueryView query={tests} rows={MAX_ROWS}>
          {({ tests: slowest }) =>
            slowest.length === 0 ? (
              <p className="rows-card rows-nothing">No test ran in this window.</p>
            ) : (
              <ul className="rows rows-card">
                {slowest.map(({ testId, test, figures }) => (
                  <li key={testId} className="row-of-test row-of-figures">
                    <Link href={paths.test(projectId, testId, daysQuery(days))}>
                      <TestLabel test={test} />
                    </Link>
                    <Figure name="p95" text={formatDuration(durationMs(figures?.duration?.p95))} />
                    <Figure
                      name="total"
                      text={formatDuration(durationMs(figures?.results?.duration))}
                    />
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

function Figure({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <span className="align-end small">
      <span className="line">{text}</span>
      <span className="line soft">{name}</span>
    </span>
  );
}
