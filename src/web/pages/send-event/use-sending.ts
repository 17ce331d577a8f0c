import { useState } from "react";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { useClient } from "../../session/use-client.js";
import { useRefresh } from "../../session/use-refresh.js";
import { type Sending, type Sent, sendEvent } from "./send-event.js";

/** Sends events one after the other; `last` is what was sent, `sent` what became of it, null before and meanwhile. */
export function useSending(): {
  readonly last: Sending | null;
  readonly sent: Sent | null;
  readonly isBusy: boolean;
  /** Counts what was sent, so that each outcome is shown anew. */
  readonly round: number;
  send(sending: Sending): Promise<void>;
} {
  const events = useClient(EventService);
  const refresh = useRefresh();
  const [last, setLast] = useState<Sending | null>(null);
  const [sent, setSent] = useState<Sent | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  const send = async (sending: Sending) => {
    setLast(sending);
    setSent(null);
    setBusy(true);
    setRound((before) => before + 1);
    setSent(await sendEvent(events, sending));
    setBusy(false);
    await refresh(EventService, RejectionService, StatsService);
  };
  return { last, sent, isBusy, round, send };
}
