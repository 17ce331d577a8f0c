/** Makes a token: of a project with scopes, or an admin token. */
import { useMutation } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { useSession } from "../session/session.js";
import { useRefresh } from "../session/use-refresh.js";
import { Button } from "../ui/button.js";
import { Callout } from "../ui/callout.js";
import { errorText } from "../ui/error-text.js";
import { Field } from "../ui/field.js";
import { TextField } from "../ui/text-field.js";
import { useNow } from "../ui/use-now.js";
import { NewSecret } from "./new-secret.js";
import { expiryOf, lifetimesUntil, SCOPES } from "./token-words.js";

/** Without `projectId` it makes admin tokens. The secret stays on view until it is put away. */
export function CreateToken({ projectId = "" }: { readonly projectId?: string }) {
  const { caller, isAdmin, may } = useSession();
  const refresh = useRefresh();
  const create = useMutation(TenancyService.method.createToken, {
    onSuccess: () => refresh(TenancyService),
  });
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>([Scope.INGEST].filter(may));
  const end = isAdmin ? undefined : caller.token?.expireTime;
  const lifetimes = lifetimesUntil(end, useNow());
  const [chosen, setChosen] = useState("90");
  const days = lifetimes.some(({ value }) => value === chosen) ? chosen : "";
  const isOfProject = projectId !== "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const expireTime = expiryOf(days, Date.now(), end);
    create.mutate({
      projectId,
      name,
      scopes: isOfProject ? [...scopes] : [],
      ...(expireTime && { expireTime }),
    });
  };
  if (create.data?.token !== undefined) {
    const { token, secret } = create.data;
    return (
      <NewSecret
        token={token}
        secret={secret}
        onDone={() => {
          create.reset();
          setName("");
        }}
      />
    );
  }
  return (
    <form className="card stack" onSubmit={submit}>
      <div className="form-row">
        <TextField
          label="Name"
          hint="Who or what uses it"
          required
          value={name}
          onChange={setName}
        />
        <Field label="Ends after">
          {(props) => (
            <select {...props} value={days} onChange={(event) => setChosen(event.target.value)}>
              {lifetimes.map(({ value, text }) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {isOfProject && (
        <fieldset className="scopes">
          <legend>Scopes</legend>
          {SCOPES.map(({ scope, name: scopeName, hint }) => (
            <label key={scope} className="check">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                disabled={!may(scope)}
                onChange={({ target }) =>
                  setScopes((before) =>
                    target.checked ? [...before, scope] : before.filter((each) => each !== scope),
                  )
                }
              />
              <span>
                {scopeName} <span className="soft small">{hint}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      {create.error && <Callout tone="failed">{errorText(create.error)}</Callout>}
      <div>
        <Button
          kind="primary"
          type="submit"
          isBusy={create.isPending}
          disabled={isOfProject && scopes.length === 0}
        >
          {isOfProject ? "Create token" : "Create admin token"}
        </Button>
      </div>
    </form>
  );
}
