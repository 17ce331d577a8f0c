import {
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../../../gen/tally/v1/rejection_pb.js";
import { Choice } from "../../ui/choice.js";
import { DayFilters } from "../../ui/day-filters.js";
import { kindWords, nameOf, reasonWords, rejectionStateWords } from "../../ui/rejection-words.js";
import { TextFilter } from "../../ui/text-filter.js";
import { useParam } from "../../ui/use-params.js";

/** What the list of rejections can be narrowed by. */
export function RejectionFilters() {
  const [kind, setKind] = useParam("kind", "");
  const [reason, setReason] = useParam("reason", "");
  const [state, setState] = useParam("state", "open");
  const [client, setClient] = useParam("client", "");
  const [run, setRun] = useParam("run", "");
  return (
    <>
      <Choice label="State" value={state} options={states} onChoose={setState} />
      <Choice label="Kind" value={kind} options={kinds} onChoose={setKind} />
      <Choice label="Reason" value={reason} options={reasons} onChoose={setReason} />
      <TextFilter
        label="Client"
        placeholder="client or token"
        value={client}
        onFilter={setClient}
      />
      <TextFilter label="Run" placeholder="id of a run" value={run} onFilter={setRun} />
      <DayFilters label="Refused" from="from" to="to" />
    </>
  );
}

const all = (text: string) => ({ value: "", text });
const kinds = [all("All"), ...options(RejectionKind, kindWords)];
const reasons = [all("All"), ...options(RejectionReason, reasonWords)];
const states = [
  ...options(RejectionState, rejectionStateWords),
  { value: "all", text: "All" },
] as const;

function options(
  values: Readonly<Record<number | string, number | string>>,
  words: Readonly<Record<number, string>>,
) {
  return Object.entries(words)
    .filter(([value]) => value !== "0")
    .map(([value, text]) => ({ value: nameOf(values, Number(value)), text }));
}
