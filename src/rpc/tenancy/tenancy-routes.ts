/** TenancyService: a missing RPC does not compile. */
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import type { Route } from "../handler.js";
import { createOrganization } from "./create-organization.js";
import { createProject } from "./create-project.js";
import { createToken } from "./create-token.js";
import { deleteOrganization } from "./delete-organization.js";
import { deleteProject } from "./delete-project.js";
import { exchangeSignInCode } from "./exchange-sign-in-code.js";
import { getCaller } from "./get-caller.js";
import { getOrganization } from "./get-organization.js";
import { getProject } from "./get-project.js";
import { getRetentionReport } from "./get-retention-report.js";
import { listAuditEntries } from "./list-audit-entries.js";
import { listOrganizations } from "./list-organizations.js";
import { listProjects } from "./list-projects.js";
import { listTokens } from "./list-tokens.js";
import { revokeToken } from "./revoke-token.js";
import type { TenancyDeps } from "./tenancy-deps.js";
import { updateProject } from "./update-project.js";

/** The service with its handlers and scopes. */
export function tenancyRoute(deps: TenancyDeps): Route<typeof TenancyService> {
  return {
    service: TenancyService,
    handlers: {
      getCaller: getCaller(deps),
      exchangeSignInCode: exchangeSignInCode(deps),
      createOrganization: createOrganization(deps),
      getOrganization: getOrganization(deps),
      listOrganizations: listOrganizations(deps),
      deleteOrganization: deleteOrganization(deps),
      createProject: createProject(deps),
      getProject: getProject(deps),
      listProjects: listProjects(deps),
      updateProject: updateProject(deps),
      deleteProject: deleteProject(deps),
      createToken: createToken(deps),
      listTokens: listTokens(deps),
      revokeToken: revokeToken(deps),
      listAuditEntries: listAuditEntries(deps),
      getRetentionReport: getRetentionReport(deps),
    },
    access: {
      getCaller: "any-token",
      exchangeSignInCode: "public",
      createOrganization: "admin",
      getOrganization: "admin",
      listOrganizations: "admin",
      deleteOrganization: "admin",
      createProject: "admin",
      getProject: "manage-or-read",
      listProjects: "admin",
      updateProject: "manage",
      deleteProject: "admin",
      createToken: "manage",
      listTokens: "manage",
      revokeToken: "manage",
      listAuditEntries: "manage",
      getRetentionReport: "manage",
    },
  };
}
