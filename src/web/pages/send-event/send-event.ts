/** Sends one event, and says what became of it in the words of the page. */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../../../gen/google/rpc/error_details_pb.js";
import type { EventMode, IngestedEvent } from "../../../../gen/tally/v1/event_pb.js";
import type { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { violationsOf } from "../../ui/error-text.js";
import type { FieldProblem } from "./event-form.js";

/** What is sent. */
export interface Sending {
  readonly projectId: string;
  readonly json: string;
  readonly idempotencyKey: string;
  readonly mode: EventMode;
  /** For the header `tally-fault`; empty for none. */
  readonly fault: string;
}

/** What became of it. */
export type Sent =
  | { readonly kind: "taken"; readonly event: IngestedEvent }
  | {
      readonly kind: "refused";
      readonly violations: readonly FieldProblem[];
      readonly rejectionId: string;
      readonly repeatCount: number;
    }
  | { readonly kind: "simulated"; readonly fault: string }
  | {
      readonly kind: "failed";
      readonly error: ConnectError;
      readonly violations: readonly FieldProblem[];
    };

/** Never rejects. A delay that was asked for may be a minute. */
export async function sendEvent(
  events: Pick<Client<typeof EventService>, "ingestEvent">,
  { projectId, json, idempotencyKey, mode, fault }: Sending,
): Promise<Sent> {
  const payload = { case: "json" as const, value: new TextEncoder().encode(json) };
  const request = { projectId, event: { payload, idempotencyKey }, mode };
  const headers: Record<string, string> = fault === "" ? {} : { "tally-fault": fault };
  try {
    const { event } = await events.ingestEvent(request, { headers, timeoutMs: 90_000 });
    if (event === undefined) throw new ConnectError("the answer has no outcome", Code.Internal);
    return { kind: "taken", event };
  } catch (thrown) {
    return sentOfError(thrown);
  }
}

/** A refusal and a simulated failure are told apart by the reason of the error. */
export function sentOfError(thrown: unknown): Sent {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const violations = violationsOf(error);
  if (info?.reason === "EVENT_REFUSED") {
    const { rejection_id: rejectionId = "", repeat_count: count = "1" } = info.metadata;
    return { kind: "refused", violations, rejectionId, repeatCount: Number(count) };
  }
  if (info?.reason === "SIMULATED_FAULT") {
    return { kind: "simulated", fault: info.metadata["fault"] ?? "" };
  }
  return { kind: "failed", error, violations };
}
