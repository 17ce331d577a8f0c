import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount, plural } from "../../format/numbers.js";
import { Button } from "../../ui/button.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { Tabs } from "../../ui/tabs.js";
import { useParam } from "../../ui/use-params.js";
import { changeLists, chooseList } from "./change-lists.js";
import { ChangeTable } from "./change-table.js";

const FIRST_TESTS = 100;
const MOST_TESTS = 1000;

/** What changed from base to head, in six lists of which one is shown. */
export function Changes({
  projectId,
  base,
  head,
}: {
  readonly projectId: string;
  readonly base: string;
  readonly head: string;
}) {
  const [name] = useParam<string>("list", "");
  const [listSize, setListSize] = useState(FIRST_TESTS);
  const query = useQuery(StatsService.method.compareRuns, {
    projectId,
    baseRunId: base,
    headRunId: head,
    listSize,
  });
  return (
    <QueryView query={query} rows={8}>
      {(data) => {
        const chosen = chooseList(name, data);
        const { count = 0n, changes = [] } = chosen.of(data) ?? {};
        return (
          <>
            <Tabs
              label="Changes"
              name="list"
              chosen={chosen.value}
              tabs={changeLists.map(({ value, text, isBad, of }) => ({
                value,
                text,
                isBad: isBad ?? (value === "added" && data.addedFailingCount > 0n),
                count: of(data)?.count ?? 0n,
              }))}
            />
            {chosen.value === "added" && data.addedFailingCount > 0n && (
              <p className="text-failed">
                {plural(data.addedFailingCount, "added test")}{" "}
                {data.addedFailingCount === 1n ? "fails" : "fail"}.
              </p>
            )}
            {count === 0n ? (
              <Empty title={chosen.none} />
            ) : (
              <ChangeTable
                key={chosen.value}
                projectId={projectId}
                label={chosen.text}
                changes={changes}
              />
            )}
            {count > BigInt(changes.length) && (
              <p className="row">
                <span className="soft">
                  The first {formatCount(changes.length)} of {formatCount(count)}.
                </span>
                {listSize < MOST_TESTS && (
                  <Button isBusy={query.isFetching} onClick={() => setListSize(MOST_TESTS)}>
                    Show more
                  </Button>
                )}
              </p>
            )}
          </>
        );
      }}
    </QueryView>
  );
}
