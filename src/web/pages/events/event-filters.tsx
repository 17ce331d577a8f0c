import { Choice } from "../../ui/choice.js";
import { DayFilters } from "../../ui/day-filters.js";
import { TextFilter } from "../../ui/text-filter.js";
import { useParam } from "../../ui/use-params.js";

/** What the list of events can be narrowed by. */
export function EventFilters() {
  const [client, setClient] = useParam("client", "");
  const [metric, setMetric] = useParam("metric", "");
  const [state, setState] = useParam("state", "", ["", "queued", "processed"]);
  const [warnings, setWarnings] = useParam("warnings", "", ["", "yes", "no"]);
  return (
    <>
      <TextFilter label="Client" placeholder="exact name" value={client} onFilter={setClient} />
      <TextFilter label="Metric" placeholder="exact name" value={metric} onFilter={setMetric} />
      <Choice
        label="State"
        value={state}
        options={[
          { value: "", text: "All" },
          { value: "queued", text: "Queued" },
          { value: "processed", text: "Processed" },
        ]}
        onChoose={setState}
      />
      <Choice
        label="Warnings"
        value={warnings}
        options={[
          { value: "", text: "With or without" },
          { value: "yes", text: "With" },
          { value: "no", text: "Without" },
        ]}
        onChoose={setWarnings}
      />
      <DayFilters label="Happened" from="occurred-from" to="occurred-to" />
      <DayFilters label="Received" from="received-from" to="received-to" />
    </>
  );
}
