import { useMutation } from "@connectrpc/connect-query";
import type { Project } from "../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { displayText } from "../format/display-text.js";
import { ConfirmButton } from "../ui/confirm.js";

/** Deletes the project once its name was typed; then `onDeleted` is called. */
export function DeleteProjectButton({
  project: { projectId, name },
  onDeleted,
}: {
  readonly project: Project;
  onDeleted(): Promise<void>;
}) {
  const { mutateAsync } = useMutation(TenancyService.method.deleteProject);
  return (
    <ConfirmButton
      text="Delete project"
      of={displayText(name, 100)}
      title="Delete this project for ever?"
      confirmText="Delete it"
      typed={displayText(name)}
      onConfirm={async () => {
        await mutateAsync({ projectId });
        await onDeleted();
      }}
    >
      <p>
        Its tokens and streams end at once. Its runs, results, events and figures follow in the
        background, and nothing brings them back.
      </p>
    </ConfirmButton>
  );
}
