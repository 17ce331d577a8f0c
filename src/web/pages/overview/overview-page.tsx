import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function OverviewPage({ projectId }: ProjectPageProps) {
  return <Page title="Overview">{projectId}</Page>;
}
