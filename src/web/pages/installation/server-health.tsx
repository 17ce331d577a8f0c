import { useQuery } from "@tanstack/react-query";
import { useSession } from "../../session/session.js";
import { CountStat } from "../../ui/count-stat.js";

/** Whether the server is up and ready, its version, and whether failures can be simulated. */
export function ServerHealth() {
  const { caller } = useSession();
  return (
    <div className="stats">
      <CountStat
        name="Process"
        value={<Answer path="/healthz" good="Healthy" bad="Not healthy" />}
      />
      <CountStat
        name="Work"
        value={<Answer path="/readyz" good="Ready" bad="Not ready" />}
        note="the database answers, and there is room"
      />
      <CountStat name="Version" value={caller.serverVersion || "–"} />
      <CountStat
        name="Failure simulation"
        value={caller.faultsEnabled ? "On" : "Off"}
        note="TALLY_FAULTS; for tests and demonstrations"
      />
    </div>
  );
}

/** What the page of the server answers, every ten seconds. */
function Answer({
  path,
  good,
  bad,
}: {
  readonly path: "/healthz" | "/readyz";
  readonly good: string;
  readonly bad: string;
}) {
  const { data, isError } = useQuery({
    queryKey: ["health", path],
    queryFn: ({ signal }) => ask(path, signal),
    refetchInterval: POLL_MS,
    retry: false,
  });
  if (isError) return <span className="tone-failed">No answer</span>;
  if (data === undefined) return <span className="soft">…</span>;
  if (data.ok) return <span className="tone-passed">{good}</span>;
  return (
    <span className="tone-failed">
      {bad}
      {data.failing && `: ${data.failing}`}
    </span>
  );
}

async function ask(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly failing: string }> {
  const response = await fetch(path, { signal });
  const body: unknown = await response.json();
  const failing =
    typeof body === "object" && body !== null && "failing" in body ? body.failing : "";
  return { ok: response.ok, failing: String(failing) };
}

const POLL_MS = 10_000;
