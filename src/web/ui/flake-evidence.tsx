/** Why a test is called flaky: results that contradict each other, and what its recovery lacks. */
import { Link } from "wouter";
import { type FlakeEvidence, type FlakyTest, Verdict } from "../../../gen/tally/v1/stats_pb.js";
import { shortCommit } from "../format/commit.js";
import { displayText } from "../format/display-text.js";
import { explainRate, formatCount, formatRate, plural } from "../format/numbers.js";
import { recoveryOf } from "../format/recovery.js";
import { paths } from "../routes.js";
import { Badge } from "./badges.js";
import { ResultLink } from "./result-link.js";
import { Ago } from "./texts.js";
import "../styles/evidence.css";

/** The rule, the count, the way to recovery, and the newest contradictions. */
export function FlakyProof({
  projectId,
  flaky,
  days,
}: {
  readonly projectId: string;
  readonly flaky: FlakyTest;
  readonly days: number;
}) {
  const { test, evidence, definitionVersion, firstTime, lastTime } = flaky;
  const rate = test?.figures?.flakeRate;
  return (
    <div className="proof">
      <p>
        In {plural(days, "day")} it failed {plural(rate?.numerator ?? 0n, "time")} on code on which
        it also passed, first <Ago time={firstTime} />, last <Ago time={lastTime} />. Flake rate{" "}
        {formatRate(rate)}: {explainRate(rate)}.{" "}
        <span className="soft">Definition {definitionVersion}.</span>
      </p>
      <RecoveryNote flaky={flaky} />
      <ol className="evidence" aria-label="Contradicting results">
        {evidence.map((each) => (
          <Contradiction
            key={`${each.failed?.runId} ${each.failed?.resultId}`}
            projectId={projectId}
            evidence={each}
          />
        ))}
      </ol>
      {(rate?.numerator ?? 0n) > BigInt(evidence.length) && (
        <p className="soft small">
          These are the newest {formatCount(evidence.length)} of{" "}
          {formatCount(rate?.numerator ?? 0n)}.
        </p>
      )}
    </div>
  );
}

function Contradiction({
  projectId,
  evidence: { failed, passed, failureMessage, commitSha, job, probableOutage },
}: {
  readonly projectId: string;
  readonly evidence: FlakeEvidence;
}) {
  const isOneRun = failed?.runId === passed?.runId;
  return (
    <li className="contradiction">
      <div className="row small">
        <Badge tone="failed">Failed</Badge>
        <ResultLink projectId={projectId} result={failed} />
        <span className="soft" aria-hidden="true">
          ⇄
        </span>
        <Badge tone="passed">Passed</Badge>
        {passed === undefined ? (
          <span className="soft">in a run whose results have left by retention</span>
        ) : (
          <ResultLink projectId={projectId} result={passed} isSameRun={isOneRun} />
        )}
        <span className="soft">
          {commitSha !== "" && (
            <>
              commit{" "}
              <Link
                href={paths.runs(projectId, { commit: commitSha })}
                title={displayText(commitSha)}
              >
                {shortCommit(commitSha)}
              </Link>
            </>
          )}
          {job !== "" && (
            <>
              {commitSha !== "" && ", "}job <bdi>{displayText(job, 80)}</bdi>
            </>
          )}
        </span>
        {probableOutage && <Badge tone="warned">Probably an outage</Badge>}
      </div>
      {failureMessage !== "" && (
        <p className="mono message">
          <bdi>{displayText(failureMessage, 300)}</bdi>
        </p>
      )}
    </li>
  );
}

function RecoveryNote({ flaky }: { readonly flaky: FlakyTest }) {
  const { done, needed } = recoveryOf(flaky);
  const verdict = flaky.test?.verdict;
  if (verdict !== Verdict.FLAKY && verdict !== Verdict.RECOVERED) return null;
  const text =
    verdict === Verdict.RECOVERED
      ? `Recovered: ${plural(done, "result")} without a flaky failure since, of ${formatCount(needed)} needed.`
      : `Recovery: ${formatCount(done)} of ${plural(needed, "result")} without a flaky failure since.`;
  return (
    <p className="recovery">
      <progress aria-label="Recovery" value={Math.min(done, needed)} max={needed} />
      <span>{text}</span>
      <span className="soft small">
        Were it as flaky as before, so many had a probability of 5 % at most.
      </span>
    </p>
  );
}
