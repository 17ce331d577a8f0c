/** Sends an event, by a form or as JSON, and shows what became of it. */
import { type FormEvent, useState } from "react";
import { EventMode } from "../../../../gen/tally/v1/event_pb.js";
import { Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { useSession } from "../../session/session.js";
import { WithScope } from "../../session/with-scope.js";
import { Button } from "../../ui/button.js";
import { Field } from "../../ui/field.js";
import { Page } from "../../ui/page.js";
import { Empty } from "../../ui/query-view.js";
import { TextField } from "../../ui/text-field.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { EMPTY_FORM, type EventForm, formJson, problemsByField } from "./event-form.js";
import { FaultFields, faultHeader, NO_FAULT } from "./fault-choice.js";
import { ModeChoice } from "./mode-choice.js";
import { basicSample, invalidSample } from "./samples.js";
import { SendForm } from "./send-form.js";
import { SendOutcome } from "./send-outcome.js";
import { useSending } from "./use-sending.js";

export default function SendEventPage({ projectId }: ProjectPageProps) {
  return (
    <Page title="Send an event">
      <WithScope scope={Scope.INGEST} without="This token may not send events.">
        <Sender projectId={projectId} />
      </WithScope>
    </Page>
  );
}

function Sender({ projectId }: ProjectPageProps) {
  const { caller } = useSession();
  const [form, setForm] = useState<EventForm>(EMPTY_FORM);
  /** The JSON that is edited; null while the form is. */
  const [raw, setRaw] = useState<string | null>(null);
  const [idempotencyKey, setKey] = useState("");
  const [mode, setMode] = useState(EventMode.WAIT);
  const [fault, setFault] = useState(NO_FAULT);
  const { last, sent, isBusy, round, send } = useSending();

  const violations = sent?.kind === "refused" || sent?.kind === "failed" ? sent.violations : [];
  const byField = problemsByField(violations);
  const others = raw === null ? byField.others : violations;
  const common = { projectId, idempotencyKey, mode, fault: faultHeader(fault) };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send({ ...common, json: raw ?? formJson(form) });
  };
  const sendSample = (sample: EventForm) => {
    setForm(sample);
    setRaw(null);
    setKey("");
    void send({ ...common, idempotencyKey: "", json: formJson(sample) });
  };
  return (
    <div className="send">
      <form className="card stack" onSubmit={submit}>
        <fieldset className="samples">
          <legend className="soft small">Samples, sent with one click</legend>
          <Button disabled={isBusy} onClick={() => sendSample(basicSample(Date.now()))}>
            Basic
          </Button>
          <Button
            disabled={isBusy || last === null}
            onClick={() => last && send({ ...last, fault: "" })}
          >
            The same again
          </Button>
          <Button disabled={isBusy} onClick={() => sendSample(invalidSample())}>
            Invalid
          </Button>
        </fieldset>
        {raw === null ? (
          <SendForm form={form} problems={byField.of} onChange={setForm} />
        ) : (
          <Field label="Event as JSON" hint="Sent byte by byte as it stands here.">
            {(props) => (
              <textarea
                {...props}
                rows={14}
                spellCheck={false}
                value={raw}
                onChange={(event) => setRaw(event.target.value)}
              />
            )}
          </Field>
        )}
        <TextField
          label="Idempotency key"
          hint="Optional: names the event. Without one, equal content is the same event."
          value={idempotencyKey}
          onChange={setKey}
        />
        <ModeChoice mode={mode} onChoose={setMode} />
        {caller.faultsEnabled && <FaultFields fault={fault} onChoose={setFault} />}
        <div className="row">
          <Button kind="primary" type="submit" isBusy={isBusy}>
            Send
          </Button>
          <Button onClick={() => setRaw(raw === null ? formJson(form) : null)}>
            {raw === null ? "Edit as JSON" : "Back to the form"}
          </Button>
        </div>
      </form>
      <section className="send-answer" aria-label="Outcome">
        {sent === null ? (
          <Empty title={isBusy ? "Sent; the answer is awaited." : "Nothing was sent yet."}>
            <p>
              What becomes of the event shows here: processed, queued, a duplicate, a conflict, or
              refused with all that is wrong with it.
            </p>
          </Empty>
        ) : (
          <SendOutcome
            key={round}
            projectId={projectId}
            sent={sent}
            others={others}
            onAgain={() => last && void send({ ...last, fault: "" })}
          />
        )}
      </section>
    </div>
  );
}
