/** Two runs side by side: what broke, what was mended, what came, went and became slow. */
import { skipToken, useQuery } from "@connectrpc/connect-query";
import { useSearchParams } from "wouter";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { BranchFilter } from "../../session/branch-filter.js";
import { useDefaultBranch } from "../../session/default-branch.js";
import { useProjects } from "../../session/projects.js";
import { Button } from "../../ui/button.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import { Changes } from "./changes.js";
import { chooseRuns, type RunPair } from "./choose-runs.js";
import { RunPicker } from "./run-picker.js";
import "../../styles/compare.css";

/** The runs of parameters `base` and `head`; those that are not given are chosen from the newest of the branch. */
export default function ComparePage({ projectId }: ProjectPageProps) {
  const projects = useProjects();
  const defaultBranch = useDefaultBranch(projectId);
  const [branch, setBranch] = useParam<string>("branch", "");
  const [params, setParams] = useSearchParams();
  const looked = branch || defaultBranch;
  const asked = { base: params.get("base") ?? "", head: params.get("head") ?? "" };
  const recent = useQuery(
    StatsService.method.listRuns,
    looked === undefined ? skipToken : { projectId, branch: looked, pageSize: 50 },
  );
  const listed = recent.data?.runs;
  const runs = listed ?? [];
  const { base, head } = chooseRuns(asked, runs);
  const choose = (pair: Partial<RunPair>) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        for (const [name, runId] of Object.entries({ base, head, ...pair })) after.set(name, runId);
        return after;
      },
      { replace: true },
    );
  return (
    <Page
      title="Compare"
      filters={
        <BranchFilter
          label="Recent runs of branch"
          projectId={projectId}
          branch={branch}
          placeholder={defaultBranch ?? ""}
          onFilter={setBranch}
        />
      }
    >
      <div className="run-pickers">
        <RunPicker
          side="Base"
          projectId={projectId}
          runId={base}
          runs={runs}
          onPick={(runId) => choose({ base: runId })}
        />
        <Button
          title="Swap base and head"
          aria-label="Swap base and head"
          disabled={base === "" || head === ""}
          onClick={() => choose({ base: head, head: base })}
        >
          ⇄
        </Button>
        <RunPicker
          side="Head"
          projectId={projectId}
          runId={head}
          runs={runs}
          onPick={(runId) => choose({ head: runId })}
        />
      </div>
      {base !== "" && head !== "" ? (
        <Changes key={JSON.stringify([base, head])} projectId={projectId} base={base} head={head} />
      ) : listed !== undefined ? (
        <Empty title="There are no two runs to compare.">
          <p>
            The branch has fewer than two finished runs. Name another branch, or two runs by their
            ids.
          </p>
        </Empty>
      ) : (
        <QueryView<unknown> query={looked === undefined ? projects : recent} rows={8}>
          {() => null}
        </QueryView>
      )}
    </Page>
  );
}
