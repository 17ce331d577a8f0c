import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function AggregatesPage({ projectId }: ProjectPageProps) {
  return <Page title="Aggregates">{projectId}</Page>;
}
