import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function TestPage({ projectId }: ProjectPageProps) {
  return <Page title="Test">{projectId}</Page>;
}
