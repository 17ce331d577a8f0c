import { useMutation } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { Project } from "../../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import type { OrganizationProjects } from "../../session/projects.js";
import { DeleteProjectButton } from "../../tenancy/delete-project-button.js";
import { ConfirmButton } from "../../ui/confirm.js";
import { Ago, Line } from "../../ui/texts.js";
import { Unseen } from "../../ui/unseen.js";
import { NameForm } from "./name-form.js";

/** One organization: its projects, and how it gets more or goes. */
export function OrganizationCard({
  organization,
  projects,
  onMade,
  onChanged,
}: OrganizationProjects & {
  onMade(project: Project): void;
  onChanged(): Promise<void>;
}) {
  const create = useMutation(TenancyService.method.createProject);
  const remove = useMutation(TenancyService.method.deleteOrganization);
  const organizationId = organization?.organizationId ?? "";
  const name = displayText(organization?.name ?? "");
  return (
    <article className="card stack">
      <header className="organization-head">
        <h3>
          <bdi>{name}</bdi>
        </h3>
        <span className="soft small">{plural(projects.length, "project")}</span>
        <ConfirmButton
          text="Delete organization"
          of={displayText(name, 100)}
          title="Delete this organization for ever?"
          confirmText="Delete it"
          typed={name}
          onConfirm={async () => {
            await remove.mutateAsync({ organizationId, force: true });
            await onChanged();
          }}
        >
          <p>
            {projects.length === 0
              ? "It has no project."
              : `Its ${plural(projects.length, "project")} with all runs, results and events leave with it, and nothing brings them back.`}
          </p>
        </ConfirmButton>
      </header>
      {projects.length > 0 && (
        <ul className="organization-projects">
          {projects.map((project) => (
            <li key={project.projectId}>
              <Link href={paths.overview(project.projectId)}>
                <Line text={project.name} />
              </Link>
              <span className="soft small">
                created <Ago time={project.createTime} />
              </span>
              <Link href={paths.settings(project.projectId)}>
                Settings
                <Unseen text={`of ${displayText(project.name, 100)}`} />
              </Link>
              <DeleteProjectButton project={project} onDeleted={onChanged} />
            </li>
          ))}
        </ul>
      )}
      <NameForm
        label="New project"
        button="Create project"
        of={`in ${displayText(name, 100)}`}
        isPrimary={projects.length === 0}
        onSubmit={async (projectName) => {
          const { project } = await create.mutateAsync({ organizationId, name: projectName });
          await onChanged();
          if (project !== undefined) onMade(project);
        }}
      />
    </article>
  );
}
