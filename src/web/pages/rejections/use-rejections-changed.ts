import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { useRefresh } from "../../session/use-refresh.js";

/** Has all that a replay or dismissal may change asked for anew. */
export function useRejectionsChanged(): () => Promise<void> {
  const refresh = useRefresh();
  return () => refresh(RejectionService, EventService, StatsService);
}
