/** What a verdict means. */
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";

/** A sentence; `wasFlaky` if the window has a flaky failure, which takes three failing runs to be broken. */
export function verdictText(verdict: Verdict, wasFlaky: boolean): string {
  switch (verdict) {
    case Verdict.UNSPECIFIED:
    case Verdict.UNKNOWN:
      return "No result of this window passed or failed.";
    case Verdict.HEALTHY:
      return "Its newest run passed, and it did not fail and pass on the same code.";
    case Verdict.FLAKY:
      return "It failed and passed on the same code.";
    case Verdict.RECOVERED:
      return "It was flaky, and has since passed so often that this is over.";
    case Verdict.BROKEN:
      return wasFlaky
        ? "It only fails now: its newest three runs failed."
        : "It only fails now: its newest run failed.";
  }
}
