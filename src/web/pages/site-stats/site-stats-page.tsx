import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function SiteStatsPage({ projectId }: ProjectPageProps) {
  return <Page title="SiteStats">{projectId}</Page>;
}
