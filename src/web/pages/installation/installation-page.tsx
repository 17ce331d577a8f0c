/** The server: its health, organizations and projects, admin tokens, and the audit log of all. */
import { useProjects } from "../../session/projects.js";
import { useSession } from "../../session/session.js";
import { AuditLog } from "../../tenancy/audit-log.js";
import { CreateToken } from "../../tenancy/create-token.js";
import { TokenList } from "../../tenancy/token-list.js";
import { Page, Section } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import "../../styles/tenancy.css";
import { Organizations } from "./organizations.js";
import { ServerHealth } from "./server-health.js";

export default function InstallationPage() {
  const { isAdmin } = useSession();
  return (
    <Page title="Installation">
      {isAdmin ? (
        <Installation />
      ) : (
        <Empty title="This needs an admin token.">
          <p>Sign out and sign in with the token that the server's first start printed.</p>
        </Empty>
      )}
    </Page>
  );
}

function Installation() {
  const query = useProjects();
  return (
    <>
      <Section title="Server">
        <ServerHealth />
      </Section>
      <Section title="Organizations and projects">
        <QueryView query={query} rows={4}>
          {(organizations) => <Organizations organizations={organizations} />}
        </QueryView>
      </Section>
      <Section title="New admin token" note="It may do everything on this installation.">
        <CreateToken />
      </Section>
      <Section title="Admin tokens">
        <TokenList />
      </Section>
      <Section title="Audit log" note="of all projects, with refused calls">
        <AuditLog />
      </Section>
    </>
  );
}
