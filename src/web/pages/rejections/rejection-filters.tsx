import {
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../../../gen/tally/v1/rejection_pb.js";
import { DayFilters } from "../../ui/day-filters.js";
import { ChoiceParam, TextParam } from "../../ui/param-filters.js";
import { kindWords, nameOf, reasonWords, rejectionStateWords } from "../../ui/rejection-words.js";

/** What the list of rejections can be narrowed by. */
export function RejectionFilters() {
  return (
    <>
      <ChoiceParam name="state" label="State" options={states} byDefault="open" />
      <ChoiceParam name="kind" label="Kind" options={kinds} />
      <ChoiceParam name="reason" label="Reason" options={reasons} />
      <TextParam name="client" label="Client" placeholder="client or token" />
      <TextParam name="run" label="Run" placeholder="id of a run" />
      <DayFilters label="Refused" from="from" to="to" />
    </>
  );
}

const all = { value: "", text: "All" };
const kinds = [all, ...options(RejectionKind, kindWords)];
const reasons = [all, ...options(RejectionReason, reasonWords)];
const states = [...options(RejectionState, rejectionStateWords), { value: "all", text: "All" }];

function options(
  values: Readonly<Record<number | string, number | string>>,
  words: Readonly<Record<number, string>>,
) {
  return Object.entries(words)
    .filter(([value]) => value !== "0")
    .map(([value, text]) => ({ value: nameOf(values, Number(value)), text }));
}
