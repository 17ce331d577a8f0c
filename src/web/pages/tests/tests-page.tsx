import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function TestsPage({ projectId }: ProjectPageProps) {
  return <Page title="Tests">{projectId}</Page>;
}
