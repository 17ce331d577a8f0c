/** What the page of a project is given. */
export interface ProjectPageProps {
  readonly projectId: string;
}
