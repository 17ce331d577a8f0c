/** Events to try things out with. */
import { EMPTY_FORM, type EventForm } from "./event-form.js";

/** An event that is taken: a new one with every millisecond. */
export function basicSample(nowMs: number): EventForm {
  return {
    ...EMPTY_FORM,
    source: "client_A",
    metric: "revenue",
    amount: "1200",
    timestamp: new Date(nowMs).toISOString(),
  };
}

/** An event with an amount that is no number and without a time: it is refused, and kept with both reasons. */
export function invalidSample(): EventForm {
  return { ...EMPTY_FORM, source: "client_A", metric: "revenue", amount: "invalid_number" };
}
