/** Projects to send to, made over RPC. */
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { createTallyClient } from "../../src/client/index.js";

export interface Project {
  readonly projectId: string;
  /** With every scope. */
  readonly token: string;
}

/** Two projects of a new organization. */
export async function createProjects(url: string, adminToken: string): Promise<[Project, Project]> {
  const admin = createTallyClient({ url, token: adminToken });
  try {
    const name = `organization ${Math.random()}`;
    const { organization } = await admin.tenancy.createOrganization({ name });
    const organizationId = organization?.organizationId ?? "";
    const create = async (name: string) => {
      const { project } = await admin.tenancy.createProject({ organizationId, name });
      const projectId = project?.projectId ?? "";
      const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
      const { secret } = await admin.tenancy.createToken({ projectId, name: "faults", scopes });
      return { projectId, token: secret };
    };
    return [await create("first"), await create("second")];
  } finally {
    admin.close();
  }
}
