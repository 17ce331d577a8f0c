/** Counts and judges the open rejections of a filter, asks, and then acts on all of them. */
import { useQuery } from "@connectrpc/connect-query";
import { useEffect, useRef, useState } from "react";
import {
  type RejectionFilter,
  RejectionService,
  type ReplayRejectionsResponse,
} from "../../../../gen/tally/v1/rejection_service_pb.js";
import { plural } from "../../format/numbers.js";
import { useClient } from "../../session/use-client.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { Dialog } from "../../ui/dialog.js";
import { errorText } from "../../ui/error-text.js";
import { QueryView } from "../../ui/query-view.js";
import type { ProjectPageProps } from "../project-page.js";
import { dismissAll, replayAll } from "./act-on-all.js";
import { NoteField } from "./note-field.js";
import { countOutcomes, countsText } from "./replay-words.js";
import { useRejectionsChanged } from "./use-rejections-changed.js";

export function BulkDialog({
  projectId,
  filter,
  action,
  onClose,
}: ProjectPageProps & {
  readonly filter: RejectionFilter;
  readonly action: "replay" | "dismiss";
  onClose(): void;
}) {
  const rejections = useClient(RejectionService);
  const changed = useRejectionsChanged();
  const [note, setNote] = useState("");
  const [done, setDone] = useState<string | null>(null);
  const [step, setStep] = useState<"asking" | "acting" | "ended">("asking");
  const [error, setError] = useState<unknown>(null);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  // Judging them all is the way to count them.
  const judged = useQuery(
    RejectionService.method.replayRejections,
    { projectId, filter, validateOnly: true },
    { staleTime: 0, gcTime: 0, enabled: step === "asking" },
  );
  const act = async () => {
    setStep("acting");
    setError(null);
    stop.current = new AbortController();
    const all = { projectId, filter, signal: stop.current.signal };
    try {
      if (action === "replay") {
        const onProgress = (counts: Parameters<typeof countsText>[0]) =>
          setDone(countsText(counts));
        await replayAll(rejections, { ...all, onProgress });
      } else {
        const onProgress = (count: number) => setDone(`${plural(count, "item")}: dismissed`);
        await dismissAll(rejections, { ...all, note, onProgress });
      }
    } catch (thrown) {
      if (!all.signal.aborted) setError(thrown);
    }
    setStep("ended");
    await changed();
  };
  const count = judged.data?.results.length ?? 0;
  return (
    <Dialog
      title={action === "replay" ? "Replay all of these?" : "Dismiss all of these?"}
      closeLabel={step === "ended" ? "Close" : step === "acting" ? "Stop" : "Cancel"}
      onClose={onClose}
      actions={
        step !== "ended" && (
          <Button
            kind={action === "replay" ? "primary" : "danger"}
            disabled={count === 0}
            isBusy={step === "acting"}
            onClick={act}
          >
            {action === "replay" ? "Replay" : "Dismiss"} {countText(judged.data)}
          </Button>
        )
      }
    >
      {step === "asking" && (
        <QueryView query={judged} rows={2}>
          {(answer) => <Judged answer={answer} action={action} />}
        </QueryView>
      )}
      {step === "asking" && action === "dismiss" && <NoteField note={note} onChange={setNote} />}
      {done !== null && (
        <Callout tone={step === "ended" ? "passed" : "info"}>
          {done}
          {step === "acting" && " so far"}.
        </Callout>
      )}
      {error !== null && <Callout tone="failed">{errorText(error)}</Callout>}
    </Dialog>
  );
}

function Judged({
  answer,
  action,
}: {
  readonly answer: ReplayRejectionsResponse;
  readonly action: "replay" | "dismiss";
}) {
  if (answer.results.length === 0) return <p>No open rejection matches any more.</p>;
  const counts = countsText(countOutcomes(answer.results));
  return (
    <>
      <p>
        {answer.more
          ? `More than ${plural(answer.results.length, "open rejection")} of the filter: all are meant. A replay of the oldest as they stand would end so: ${counts}.`
          : `${plural(answer.results.length, "open rejection")} of the filter. A replay as they stand would end so: ${counts}.`}
      </p>
      <p>
        {action === "replay"
          ? "What is stored is resolved; what is refused again stays open."
          : "Dismissed ones count nowhere and can no longer be replayed. Their bytes are kept for 30 more days."}
      </p>
    </>
  );
}

function countText(answer: ReplayRejectionsResponse | undefined): string {
  if (answer === undefined) return "";
  return answer.more ? "all" : String(answer.results.length);
}
