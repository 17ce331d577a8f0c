/** The settings of a project, its tokens, what it keeps and who changed it. */
import { useQuery } from "@connectrpc/connect-query";
import { Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import { useSession } from "../../session/session.js";
import { WithScope } from "../../session/with-scope.js";
import { AuditLog } from "../../tenancy/audit-log.js";
import { CreateToken } from "../../tenancy/create-token.js";
import { TokenList } from "../../tenancy/token-list.js";
import { Page, Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/tenancy.css";
import { DeleteProject } from "./delete-project.js";
import { ProjectSettings } from "./project-settings.js";
import { RetentionReport } from "./retention-report.js";

export default function SettingsPage({ projectId }: ProjectPageProps) {
  return (
    <Page title="Settings">
      <WithScope scope={Scope.MANAGE} without="This token may not manage the project.">
        <Settings projectId={projectId} />
      </WithScope>
    </Page>
  );
}

function Settings({ projectId }: ProjectPageProps) {
  const { isAdmin } = useSession();
  const query = useQuery(TenancyService.method.getProject, { projectId });
  return (
    <>
      <Section title="Project">
        <QueryView query={query} rows={6}>
          {({ project }) => project && <ProjectSettings project={project} />}
        </QueryView>
      </Section>
      <Section title="New token" note="A token is a secret of a build, a script or a person.">
        <CreateToken projectId={projectId} />
      </Section>
      <Section title="Tokens">
        <TokenList projectId={projectId} />
      </Section>
      <Section title="What is kept">
        <RetentionReport projectId={projectId} />
      </Section>
      <Section title="Audit log" note="changes of the project and its tokens">
        <AuditLog projectId={projectId} />
      </Section>
      {isAdmin && (
        <Section title="Deletion">
          {query.data?.project && <DeleteProject project={query.data.project} />}
        </Section>
      )}
    </>
  );
}
