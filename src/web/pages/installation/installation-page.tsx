import { Page } from "../../ui/page.js";

export default function InstallationPage() {
  return <Page title="Installation">.</Page>;
}
