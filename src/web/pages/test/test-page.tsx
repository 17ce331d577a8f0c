/** A test: what the evidence says of it, its history and its results. */
import { Link } from "wouter";
import { paths } from "../../routes.js";
import { Page } from "../../ui/page.js";
import { Empty } from "../../ui/query-view.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import { TestHistory } from "./test-history.js";
import "../../styles/test.css";

/** The test is the `id` of the address. */
export default function TestPage({ projectId }: ProjectPageProps) {
  const [testId] = useParam<string>("id", "");
  if (testId === "") {
    return (
      <Page title="Test">
        <Empty title="No test is named.">
          <p>
            Choose one of the <Link href={paths.tests(projectId)}>tests</Link>.
          </p>
        </Empty>
      </Page>
    );
  }
  return <TestHistory key={testId} projectId={projectId} testId={testId} />;
}
