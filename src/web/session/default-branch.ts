import { useProjects } from "./projects.js";

/** The branch that comparisons start from: `main` unless the project says otherwise; undefined until that is known. */
export function useDefaultBranch(projectId: string): string | undefined {
  const { data } = useProjects();
  if (data === undefined) return undefined;
  const project = data
    .flatMap(({ projects }) => projects)
    .find((each) => each.projectId === projectId);
  return project?.settings?.defaultBranch || "main";
}
