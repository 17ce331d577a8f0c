import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function RejectionsPage({ projectId }: ProjectPageProps) {
  return <Page title="Rejections">{projectId}</Page>;
}
