/** The projects that the session can see. */

import type { Transport } from "@connectrpc/connect";
import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { Organization, Project } from "../../../gen/tally/v1/tenancy_pb.js";
import {
  type GetCallerResponse,
  TenancyService,
} from "../../../gen/tally/v1/tenancy_service_pb.js";
import { PROJECTS_KEY } from "./projects-key.js";
import { useSession } from "./session.js";

/** An organization with its projects. */
export interface OrganizationProjects {
  readonly organization: Organization | undefined;
  readonly projects: readonly Project[];
}

/** All projects by organization for an admin token, the own one for a project token. */
export function useProjects(): UseQueryResult<readonly OrganizationProjects[]> {
  const { caller, isAdmin } = useSession();
  const transport = useTransport();
  return useQuery({
    queryKey: [...PROJECTS_KEY, caller.token?.tokenId],
    queryFn: () => (isAdmin ? listAll(transport) : readOwn(transport)),
    // What signing in has answered already.
    initialData: isAdmin ? undefined : () => ownOf(caller),
    staleTime: 60_000,
  });
}

/** Whether the session is known not to see the project: it was deleted, or is not that of the token. */
export function useIsUnknownProject(projectId: string | undefined): boolean {
  const { data } = useProjects();
  const isThere = data?.some(({ projects }) =>
    projects.some((project) => project.projectId === projectId),
  );
  return projectId !== undefined && isThere === false;
}

async function readOwn(transport: Transport): Promise<readonly OrganizationProjects[]> {
  return ownOf(await callUnaryMethod(transport, TenancyService.method.getCaller, {}));
}

function ownOf({ project }: GetCallerResponse): readonly OrganizationProjects[] {
  return [{ organization: undefined, projects: project ? [project] : [] }];
}

async function listAll(transport: Transport): Promise<readonly OrganizationProjects[]> {
  const { listOrganizations, listProjects } = TenancyService.method;
  const organizations = await all(async (pageToken) => {
    const asked = { pageSize: 1000, pageToken };
    const page = await callUnaryMethod(transport, listOrganizations, asked);
    return [page.organizations, page.nextPageToken];
  });
  return Promise.all(
    organizations.map(async (organization) => {
      const { organizationId } = organization;
      const projects = await all(async (pageToken) => {
        const asked = { organizationId, pageSize: 1000, pageToken };
        const page = await callUnaryMethod(transport, listProjects, asked);
        return [page.projects, page.nextPageToken];
      });
      return { organization, projects };
    }),
  );
}

async function all<T>(
  readPage: (pageToken: string) => Promise<readonly [readonly T[], string]>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let pageToken = "";
  do {
    const [page, next] = await readPage(pageToken);
    items.push(...page);
    pageToken = next;
  } while (pageToken !== "");
  return items;
}
