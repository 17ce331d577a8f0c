import { DayFilters } from "../../ui/day-filters.js";
import { ChoiceParam, TextParam } from "../../ui/param-filters.js";

/** What the list of events can be narrowed by. */
export function EventFilters() {
  return (
    <>
      <TextParam name="client" label="Client" placeholder="exact name" />
      <TextParam name="metric" label="Metric" placeholder="exact name" />
      <ChoiceParam
        name="state"
        label="State"
        options={[
          { value: "", text: "All" },
          { value: "queued", text: "Queued" },
          { value: "processed", text: "Processed" },
        ]}
      />
      <ChoiceParam
        name="warnings"
        label="Warnings"
        options={[
          { value: "", text: "With or without" },
          { value: "yes", text: "With" },
          { value: "no", text: "Without" },
        ]}
      />
      <DayFilters label="Happened" from="occurred-from" to="occurred-to" />
      <DayFilters label="Received" from="received-from" to="received-to" />
    </>
  );
}
