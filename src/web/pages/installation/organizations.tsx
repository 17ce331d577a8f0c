/** The organizations with their projects, and how more are made. */
import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Project } from "../../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import type { OrganizationProjects } from "../../session/projects.js";
import { useTenancyChanged } from "../../tenancy/use-tenancy-changed.js";
import { Empty } from "../../ui/query-view.js";
import { FirstSteps } from "./first-steps.js";
import { NameForm } from "./name-form.js";
import { OrganizationCard } from "./organization-card.js";

export function Organizations({
  organizations,
}: {
  readonly organizations: readonly OrganizationProjects[];
}) {
  const changed = useTenancyChanged();
  const { mutateAsync } = useMutation(TenancyService.method.createOrganization);
  /** Made just now: its first steps are shown until they are put away. */
  const [made, setMade] = useState<Project | null>(null);
  return (
    <div className="organizations">
      {organizations.length === 0 && (
        <Empty title="This installation is new.">
          <p>
            Make an organization, then a project in it. Runs, results and events belong to a
            project.
          </p>
        </Empty>
      )}
      {made !== null && (
        <FirstSteps key={made.projectId} project={made} onDone={() => setMade(null)} />
      )}
      {organizations.map((each) => (
        <OrganizationCard
          key={each.organization?.organizationId}
          {...each}
          onMade={setMade}
          onChanged={changed}
        />
      ))}
      <NameForm
        label="New organization"
        button="Create organization"
        isPrimary={organizations.length === 0}
        onSubmit={async (name) => {
          await mutateAsync({ name });
          await changed();
        }}
      />
    </div>
  );
}
