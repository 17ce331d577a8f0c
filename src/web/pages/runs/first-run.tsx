/** What a project without runs shows: how to send the first one, and that it has come. */
import { Link } from "wouter";
import { Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { displayText } from "../../format/display-text.js";
import { LiveMark } from "../../live/live-mark.js";
import type { useWatchedRuns } from "../../live/use-watched-runs.js";
import { paths } from "../../routes.js";
import { useSession } from "../../session/session.js";
import { Command } from "../../ui/command.js";
import "../../styles/first-run.css";

/** The way to the first run; `watched` is the stream of the page, by which it notices the run without a reload. */
export function FirstRun({
  projectId,
  watched,
}: {
  readonly projectId: string;
  readonly watched: ReturnType<typeof useWatchedRuns>;
}) {
  const { may } = useSession();
  const url = window.location.origin;
  const arrived = [...watched.runs.values()].find(({ run, deleted }) => run && !deleted)?.run;
  return (
    <section className="card first-run" aria-labelledby="first-run">
      <h2 id="first-run">No run has arrived yet</h2>
      <ol className="first-run-steps">
        <li>
          <h3>Have a token with the scope INGEST</h3>
          {may(Scope.MANAGE) ? (
            <p className="soft">
              Make one in the <Link href={paths.settings(projectId)}>settings</Link> of this
              project.
            </p>
          ) : (
            <p className="soft">Whoever manages this project makes one in its settings.</p>
          )}
          <Command label="Command that sets the token" text={"export TALLY_TOKEN=tly_…"} />
        </li>
        <li>
          <h3>Send a report: JUnit XML or CTRF</h3>
          <p className="soft">With Tally's package installed beside the tests:</p>
          <Command
            label="Command that uploads a report"
            text={`npx --no -- tally upload --url ${url} report.xml`}
          />
          <p className="soft">With nothing installed:</p>
          <Command
            label="Command that uploads a report with curl"
            text={`curl "${url}/v1/runs/first/reports?format=junit" \\\n  -H "authorization: Bearer $TALLY_TOKEN" --data-binary @report.xml`}
          />
        </li>
        <li>
          <h3>See it here</h3>
          <p className="first-run-arrival" aria-live="polite">
            {arrived === undefined ? (
              <>
                <LiveMark isLive={watched.isLive} />
                <span className="soft">
                  {watched.isLive
                    ? "This page shows the run as soon as it arrives."
                    : "The server is not heard now. It is tried again."}
                </span>
              </>
            ) : (
              <>
                <bdi>{displayText(arrived.runId, 80)}</bdi> has arrived.
                <Link href={paths.run(projectId, arrived.runId)}>Look at it</Link>
              </>
            )}
          </p>
        </li>
      </ol>
    </section>
  );
}
