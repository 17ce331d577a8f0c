/** The name and the settings of a project. */
import { useMutation } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import { EventPolicy, type Project } from "../../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import { useSession } from "../../session/session.js";
import { useTenancyChanged } from "../../tenancy/use-tenancy-changed.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { errorText, violationsOf } from "../../ui/error-text.js";
import { Field } from "../../ui/field.js";
import {
  changedPaths,
  fieldOf,
  formOf,
  formProblems,
  type ProjectEdits,
  type ProjectForm,
  projectOf,
  unsavedEdits,
} from "./project-form.js";

/** The form: what was edited, over what is stored now. Only what was changed is sent. */
export function ProjectSettings({ project }: { readonly project: Project }) {
  const { isAdmin } = useSession();
  const changed = useTenancyChanged();
  const update = useMutation(TenancyService.method.updateProject, {
    onSuccess: changed,
  });
  const stored = formOf(project);
  const [edits, setEdits] = useState<ProjectEdits>({});
  const form = { ...stored, ...edits };
  const problems = formProblems(form);
  const violations = violationsOf(update.error);
  const paths = changedPaths(stored, form);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (Object.keys(problems).length > 0) return;
    update.mutate(
      { project: projectOf(project.projectId, form), updateMask: { paths } },
      // Not before what is stored is there anew; what was typed in the meantime stays.
      { onSuccess: () => setEdits((now) => unsavedEdits(now, edits)) },
    );
  };
  return (
    <form className="card stack" onSubmit={submit}>
      <div className="form-row">
        {fields.map(({ name, label, hint, isNumber, isQuota }) => (
          <Field
            key={name}
            label={label}
            hint={isQuota && !isAdmin ? `${hint} Needs an admin token.` : hint}
            problems={[
              ...(problems[name] === undefined ? [] : [problems[name]]),
              ...violations
                .filter(({ field }) => fieldOf(field) === name)
                .map(({ description }) => description),
            ]}
          >
            {(props) =>
              name === "event_policy" ? (
                <select
                  {...props}
                  value={form[name]}
                  onChange={(event) => setEdits({ ...edits, [name]: event.target.value })}
                >
                  <option value={EventPolicy.STRICT}>Strict: they are refused</option>
                  <option value={EventPolicy.LENIENT}>Lenient: defaults and a warning</option>
                </select>
              ) : (
                <input
                  {...props}
                  value={form[name]}
                  autoComplete="off"
                  inputMode={isNumber ? "numeric" : "text"}
                  required={name === "name"}
                  disabled={isQuota && !isAdmin}
                  onChange={(event) => setEdits({ ...edits, [name]: event.target.value })}
                />
              )
            }
          </Field>
        ))}
      </div>
      {update.error && <Callout tone="failed">{errorText(update.error)}</Callout>}
      <div className="row">
        <Button
          kind="primary"
          type="submit"
          disabled={paths.length === 0}
          isBusy={update.isPending}
        >
          Save
        </Button>
        {paths.length > 0 && <Button onClick={() => setEdits({})}>Undo changes</Button>}
        {update.isSuccess && paths.length === 0 && <span role="status">Saved.</span>}
      </div>
    </form>
  );
}

const fields: readonly {
  readonly name: keyof ProjectForm;
  readonly label: string;
  readonly hint: string;
  readonly isNumber?: boolean;
  readonly isQuota?: boolean;
}[] = [
  { name: "name", label: "Name", hint: "Unique in its organization." },
  { name: "default_branch", label: "Default branch", hint: "Empty means main." },
  {
    name: "retention_days",
    label: "Days that results are kept",
    hint: "0 keeps them for ever. Runs and figures stay.",
    isNumber: true,
  },
  {
    name: "event_retention_days",
    label: "Days that events are kept",
    hint: "0 keeps them for ever. Figures stay.",
    isNumber: true,
  },
  { name: "event_policy", label: "Events with missing fields", hint: "What becomes of them." },
  {
    name: "kept_refusal_bytes",
    label: "Bytes of rejections kept",
    hint: "0 means 1 GiB.",
    isNumber: true,
    isQuota: true,
  },
  {
    name: "calls_per_second",
    label: "Calls a second and server",
    hint: "0 means the server's default.",
    isNumber: true,
    isQuota: true,
  },
];
