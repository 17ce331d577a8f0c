import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function RunsPage({ projectId }: ProjectPageProps) {
  return <Page title="Runs">{projectId}</Page>;
}
