/** One run, as it happens: how it stands, what failed and why, and what is missing. */
import { Code, ConnectError } from "@connectrpc/connect";
import { Link } from "wouter";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import { RunView } from "./run-view.js";
import { currentRun, useRun } from "./use-run.js";
import "../../styles/run.css";

/** The run of parameter `id`. */
export default function RunPage({ projectId }: ProjectPageProps) {
  const [runId] = useParam<string>("id", "");
  // Of another run nothing may stay on view.
  return <KnownRun key={runId} projectId={projectId} runId={runId} />;
}

function KnownRun({ projectId, runId }: { readonly projectId: string; readonly runId: string }) {
  const { query, watched, isLive } = useRun(projectId, runId);
  const name = displayText(runId, 120);
  if (runId === "" || isNotFound(query.error) || watched?.deleted) {
    return (
      <Page title="No such run">
        <Empty
          title={
            watched?.deleted
              ? `${name} was deleted.`
              : runId === ""
                ? "The address names no run."
                : `There is no run ${name} in this project.`
          }
        >
          <p>
            <Link href={paths.runs(projectId)}>Look at all runs</Link>
          </p>
        </Empty>
      </Page>
    );
  }
  const run = currentRun(query.data?.run, watched);
  if (query.data === undefined || run === undefined) {
    return (
      <Page title={name}>
        <QueryView query={query} rows={14}>
          {() => null}
        </QueryView>
      </Page>
    );
  }
  return (
    <RunView
      projectId={projectId}
      run={run}
      details={query.data}
      liveFailures={watched?.failures ?? []}
      isLive={isLive}
    />
  );
}

function isNotFound(error: unknown): boolean {
  return error !== null && ConnectError.from(error).code === Code.NotFound;
}
