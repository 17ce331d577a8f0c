/** Name of the question for the projects, for those who change them to ask it anew. */
export const PROJECTS_KEY = ["projects"] as const;
