/** What can be done with all open rejections of the filter at once. */
import { useState } from "react";
import type { RejectionFilter } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { Button } from "../../ui/button.js";
import type { ProjectPageProps } from "../project-page.js";
import { BulkDialog } from "./bulk-dialog.js";

/**
 * Two buttons, each with a dialog that counts and asks first. The dialog goes on to tell what became of them when the
 * list behind it is empty.
 */
export function BulkActions({
  projectId,
  filter,
  isEmpty,
}: ProjectPageProps & { readonly filter: RejectionFilter; readonly isEmpty: boolean }) {
  const [action, setAction] = useState<"replay" | "dismiss" | null>(null);
  return (
    <>
      <Button aria-haspopup="dialog" disabled={isEmpty} onClick={() => setAction("replay")}>
        Replay all of these
      </Button>
      <Button
        kind="danger"
        aria-haspopup="dialog"
        disabled={isEmpty}
        onClick={() => setAction("dismiss")}
      >
        Dismiss all of these
      </Button>
      {action !== null && (
        <BulkDialog
          projectId={projectId}
          filter={filter}
          action={action}
          onClose={() => setAction(null)}
        />
      )}
    </>
  );
}
