import { useQueryClient } from "@tanstack/react-query";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { PROJECTS_KEY } from "../session/projects-key.js";
import { useRefresh } from "../session/use-refresh.js";

/** Has projects, settings, tokens and the audit log asked for anew. */
export function useTenancyChanged(): () => Promise<void> {
  const queries = useQueryClient();
  const refresh = useRefresh();
  return async () => {
    await queries.invalidateQueries({ queryKey: PROJECTS_KEY });
    await refresh(TenancyService);
  };
}
