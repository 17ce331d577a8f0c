import { useState } from "react";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { useClient } from "../../session/use-client.js";
import { ConfirmButton } from "../../ui/confirm.js";
import type { ProjectPageProps } from "../project-page.js";
import { NoteField } from "./note-field.js";
import { useRejectionsChanged } from "./use-rejections-changed.js";

/** Closes a rejection that nobody needs, with a note. */
export function DismissButton({
  projectId,
  rejectionId,
}: ProjectPageProps & { readonly rejectionId: string }) {
  const rejections = useClient(RejectionService);
  const changed = useRejectionsChanged();
  const [note, setNote] = useState("");
  const dismiss = async () => {
    await rejections.dismissRejections({ projectId, rejectionIds: [rejectionId], note });
    await changed();
  };
  return (
    <ConfirmButton
      text="Dismiss"
      title="Dismiss this rejection?"
      confirmText="Dismiss it"
      onConfirm={dismiss}
    >
      <p>It counts nowhere, and can no longer be replayed. Its bytes are kept for 30 more days.</p>
      <NoteField note={note} onChange={setNote} />
    </ConfirmButton>
  );
}
