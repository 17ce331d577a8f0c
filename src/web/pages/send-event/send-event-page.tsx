import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function SendEventPage({ projectId }: ProjectPageProps) {
  return <Page title="SendEvent">{projectId}</Page>;
}
