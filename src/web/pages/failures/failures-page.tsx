import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function FailuresPage({ projectId }: ProjectPageProps) {
  return <Page title="Failures">{projectId}</Page>;
}
