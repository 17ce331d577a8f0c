import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function IngestionPage({ projectId }: ProjectPageProps) {
  return <Page title="Ingestion">{projectId}</Page>;
}
