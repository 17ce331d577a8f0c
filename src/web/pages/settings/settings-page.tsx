import { Page } from "../../ui/page.js";
import type { ProjectPageProps } from "../project-page.js";

export default function SettingsPage({ projectId }: ProjectPageProps) {
  return <Page title="Settings">{projectId}</Page>;
}
