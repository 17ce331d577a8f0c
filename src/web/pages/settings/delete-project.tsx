import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import type { Project } from "../../../../gen/tally/v1/tenancy_pb.js";
import { paths } from "../../routes.js";
import { PROJECTS_KEY } from "../../session/projects-key.js";
import { DeleteProjectButton } from "../../tenancy/delete-project-button.js";

/** Deletes the project, and goes to the installation. */
export function DeleteProject({ project }: { readonly project: Project }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return (
    <div className="card danger-zone">
      <p>Deleting the project takes its runs, results and events with it.</p>
      <DeleteProjectButton
        project={project}
        onDeleted={async () => {
          navigate(paths.installation());
          await queries.invalidateQueries({ queryKey: PROJECTS_KEY });
        }}
      />
    </div>
  );
}
