/** `tally rejections list`, `replay` and `dismiss`. */
import type { Command } from "commander";
import {
  type Rejection,
  RejectionReason,
  RejectionState,
} from "../../gen/tally/v1/rejection_pb.js";
import {
  DismissRejectionsResponseSchema,
  ListRejectionsResponseSchema,
  ReplayOutcome,
  ReplayRejectionsResponseSchema,
} from "../../gen/tally/v1/rejection_service_pb.js";
import type { Act } from "./act.js";
import { countArgument } from "./arguments.js";
import { exitCodes } from "./outcome.js";
import { listRejections } from "./rejection-list.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addRejectionCommands(program: Command, act: Act): void {
  const rejections = program.command("rejections").description("what was refused and is kept");
  rejections
    .command("list")
    .description("list open rejections, newest first")
    .option("--run-id <id>", "only of this run")
    .option("--all", "also those that are closed")
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { runId = "", all = false, limit }: ListOptions) => {
        const state = all ? RejectionState.UNSPECIFIED : RejectionState.OPEN;
        const answer = await listRejections(context, { runId, state }, limit);
        context.print(ListRejectionsResponseSchema, answer, () =>
          answer.rejections.length === 0
            ? "no such refusal is kept"
            : table(answer.rejections.map(rejectionRow)),
        );
        return exitCodes.ok;
      }),
    );
  rejections
    .command("replay <ids...>")
    .description("send kept items again, as they are")
    .option("--validate-only", "judge only, store nothing")
    .action(
      act(async (context, ids, { validateOnly = false }: { validateOnly?: boolean }) => {
        const answer = await context.client.rejections.replayRejections({
          projectId: context.projectId,
          entries: ids.map((rejectionId) => ({ rejectionId })),
          validateOnly,
        });
        context.print(ReplayRejectionsResponseSchema, answer, () =>
          table(
            answer.results.map(({ rejectionId, outcome, fieldViolations }) => ({
              rejection_id: rejectionId,
              outcome: ReplayOutcome[outcome] ?? "?",
              why: fieldViolations.map((v) => `${v.field} ${v.description}`).join("; "),
            })),
          ),
        );
        const refused = answer.results.some(({ outcome }) => REFUSED.has(outcome));
        return refused ? exitCodes.refused : exitCodes.ok;
      }),
    );
  rejections
    .command("dismiss <ids...>")
    .description("close rejections that nobody needs")
    .option("--note <text>", "why")
    .action(
      act(async (context, ids, { note = "" }: { note?: string }) => {
        const answer = await context.client.rejections.dismissRejections({
          projectId: context.projectId,
          rejectionIds: [...ids],
          note,
        });
        context.print(
          DismissRejectionsResponseSchema,
          answer,
          () => `dismissed ${answer.dismissedCount}, skipped ${answer.skippedRejectionIds.length}`,
        );
        return exitCodes.ok;
      }),
    );
}

interface ListOptions {
  readonly runId?: string;
  readonly all?: boolean;
  readonly limit: number;
}

function rejectionRow(rejection: Rejection): Record<string, string> {
  const name = rejection.item.case === "result" ? rejection.item.value.test?.name : undefined;
  const [violation] = rejection.fieldViolations;
  return {
    rejection_id: rejection.rejectionId,
    reason: RejectionReason[rejection.reason] ?? "?",
    state: RejectionState[rejection.state] ?? "?",
    run_id: rejection.runId,
    test: name ?? "",
    times: String(rejection.repeatCount),
    why: violation === undefined ? "" : `${violation.field} ${violation.description}`,
  };
}

const REFUSED: ReadonlySet<ReplayOutcome> = new Set([
  ReplayOutcome.CONFLICT,
  ReplayOutcome.REJECTED,
  ReplayOutcome.NOT_FOUND,
]);
