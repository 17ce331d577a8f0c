import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function EventPage({ projectId }: ProjectPageProps) {
  return <Page title="Event">{projectId}</Page>;
}
