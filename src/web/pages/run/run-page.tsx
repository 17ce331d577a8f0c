import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function RunPage({ projectId }: ProjectPageProps) {
  return <Page title="Run">{projectId}</Page>;
}
