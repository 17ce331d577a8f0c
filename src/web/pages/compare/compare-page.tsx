import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function ComparePage({ projectId }: ProjectPageProps) {
  return <Page title="Compare">{projectId}</Page>;
}
