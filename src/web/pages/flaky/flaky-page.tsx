import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function FlakyPage({ projectId }: ProjectPageProps) {
  return <Page title="Flaky">{projectId}</Page>;
}
