/** What surrounds every page: where one is, where one can go, and who one is. */
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useParams } from "wouter";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import type { ProjectPageProps } from "../pages/project-page.js";
import { paths } from "../routes.js";
import { useProjects } from "../session/projects.js";
import { useSession } from "../session/session.js";
import { Page } from "../ui/page.js";
import { QueryView, Waiting } from "../ui/query-view.js";
import { FailureBoundary } from "./failure-boundary.js";
import { SideBar } from "./side-bar.js";

const Overview = lazy(() => import("../pages/overview/overview-page.js"));
const Runs = lazy(() => import("../pages/runs/runs-page.js"));
const Run = lazy(() => import("../pages/run/run-page.js"));
const Compare = lazy(() => import("../pages/compare/compare-page.js"));
const Tests = lazy(() => import("../pages/tests/tests-page.js"));
const Test = lazy(() => import("../pages/test/test-page.js"));
const Flaky = lazy(() => import("../pages/flaky/flaky-page.js"));
const Failures = lazy(() => import("../pages/failures/failures-page.js"));
const Events = lazy(() => import("../pages/events/events-page.js"));
const Event = lazy(() => import("../pages/event/event-page.js"));
const SendEvent = lazy(() => import("../pages/send-event/send-event-page.js"));
const Aggregates = lazy(() => import("../pages/aggregates/aggregates-page.js"));
const SiteStats = lazy(() => import("../pages/site-stats/site-stats-page.js"));
const Rejections = lazy(() => import("../pages/rejections/rejections-page.js"));
const Ingestion = lazy(() => import("../pages/ingestion/ingestion-page.js"));
const Settings = lazy(() => import("../pages/settings/settings-page.js"));
const Installation = lazy(() => import("../pages/installation/installation-page.js"));

const projectPages = [
  ["/projects/:project", Overview],
  ["/projects/:project/runs", Runs],
  ["/projects/:project/run", Run],
  ["/projects/:project/compare", Compare],
  ["/projects/:project/tests", Tests],
  ["/projects/:project/test", Test],
  ["/projects/:project/flaky", Flaky],
  ["/projects/:project/failures", Failures],
  ["/projects/:project/events", Events],
  ["/projects/:project/event", Event],
  ["/projects/:project/events/send", SendEvent],
  ["/projects/:project/events/aggregates", Aggregates],
  ["/projects/:project/events/site", SiteStats],
  ["/projects/:project/rejections", Rejections],
  ["/projects/:project/ingestion", Ingestion],
  ["/projects/:project/settings", Settings],
] as const;

/** The pages; each gets the id of the project of its address. */
export function Shell() {
  return (
    <div className="shell">
      <a className="skip-link" href="#content">
        Skip to content
      </a>
      <Switch>
        <Route path="/projects/:project/*?">
          {({ project }) => <SideBar projectId={project} />}
        </Route>
        <Route>
          <SideBar projectId={undefined} />
        </Route>
      </Switch>
      <main id="content" className="content" tabIndex={-1}>
        <FailureBoundary>
          <Suspense fallback={<Waiting rows={10} />}>
            <Switch>
              <Route path="/">
                <Home />
              </Route>
              {projectPages.map(([path, ProjectPage]) => (
                <Route key={path} path={path}>
                  <OfProject page={ProjectPage} />
                </Route>
              ))}
              <Route path={paths.installation()}>
                <Installation />
              </Route>
              <Route>
                <Page title="There is no such page">
                  <p>
                    <a href="/">Go to the overview</a>
                  </p>
                </Page>
              </Route>
            </Switch>
          </Suspense>
        </FailureBoundary>
      </main>
    </div>
  );
}

function OfProject({
  page: ProjectPage,
}: {
  readonly page: React.ComponentType<ProjectPageProps>;
}) {
  const { project = "" } = useParams<{ project: string }>();
  const { may } = useSession();
  if (!may(Scope.READ)) {
    return (
      <Page title="This token may not read">
        <p>It lacks the scope READ. Sign out and sign in with a token that has it.</p>
      </Page>
    );
  }
  return <ProjectPage key={project} projectId={project} />;
}

/** Goes to the first project; where there is none, to where one is made. */
function Home() {
  const projects = useProjects();
  return (
    <QueryView query={projects} rows={10}>
      {(organizations) => {
        const first = organizations.flatMap(({ projects: own }) => own)[0];
        const target = first ? paths.overview(first.projectId) : paths.installation();
        return <Redirect to={target} replace />;
      }}
    </QueryView>
  );
}
