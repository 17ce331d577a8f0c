/** Mends a refused item, checks it, sends it again, or dismisses it. */
import { useState } from "react";
import type { Rejection } from "../../../../gen/tally/v1/rejection_pb.js";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { useClient } from "../../session/use-client.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { errorText } from "../../ui/error-text.js";
import { Field } from "../../ui/field.js";
import type { ProjectPageProps } from "../project-page.js";
import { DismissButton } from "./dismiss-button.js";
import { replacementOf } from "./rejected-item.js";
import type { Answer } from "./replay-answer.js";
import { useRejectionsChanged } from "./use-rejections-changed.js";

/**
 * `kept` is the item as text. As long as nothing is changed, the kept bytes are sent again as they are. What became of it goes
 * to `onAnswer`, null when a new answer is awaited.
 */
export function ReplayEditor({
  projectId,
  rejection,
  kept,
  onAnswer,
}: ProjectPageProps & {
  readonly rejection: Rejection;
  readonly kept: string;
  onAnswer(answer: Answer | null): void;
}) {
  const rejections = useClient(RejectionService);
  const changed = useRejectionsChanged();
  const [text, setText] = useState(kept);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState<"check" | "replay" | null>(null);
  const { rejectionId } = rejection;

  const replay = async (validateOnly: boolean) => {
    setProblem(null);
    onAnswer(null);
    setBusy(validateOnly ? "check" : "replay");
    try {
      const entry =
        text === kept
          ? { rejectionId }
          : { rejectionId, replacement: replacementOf(rejection, text) };
      const { results } = await rejections.replayRejections({
        projectId,
        entries: [entry],
        validateOnly,
      });
      const [result] = results;
      if (result !== undefined) onAnswer({ result, validateOnly });
      if (!validateOnly) await changed();
    } catch (thrown) {
      setProblem(
        thrown instanceof Error && thrown.name !== "ConnectError"
          ? thrown.message
          : errorText(thrown),
      );
    }
    setBusy(null);
  };
  return (
    <div className="stack">
      <Field
        label="Item as JSON"
        hint={
          text === kept
            ? "Unchanged, it is sent again byte by byte as it came."
            : "Changed: a replay sends this in its place."
        }
        problems={problem === null ? [] : [problem]}
      >
        {(props) => (
          <textarea
            {...props}
            rows={Math.min(24, Math.max(8, kept.split("\n").length + 1))}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <div className="row">
        <Button
          kind="primary"
          isBusy={busy === "replay"}
          disabled={busy !== null}
          onClick={() => replay(false)}
        >
          Replay
        </Button>
        <Button isBusy={busy === "check"} disabled={busy !== null} onClick={() => replay(true)}>
          Check
        </Button>
        {text !== kept && <Button onClick={() => setText(kept)}>Undo changes</Button>}
        <DismissButton projectId={projectId} rejectionId={rejectionId} />
      </div>
      <Callout tone="info">
        Check judges the item and stores nothing. Replay sends it through ingestion again; once it
        is stored, the rejection is resolved.
      </Callout>
    </div>
  );
}
