import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function EventsPage({ projectId }: ProjectPageProps) {
  return <Page title="Events">{projectId}</Page>;
}
