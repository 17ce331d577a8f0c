/** What surrounds every page: where one is, where one can go, and who one is. */
import { useRef } from "react";
import { Link, Redirect, Route, Switch, useLocation, useParams, useSearch } from "wouter";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import type { ProjectPageProps } from "../pages/project-page.js";
import { paths } from "../routes.js";
import { useIsUnknownProject, useProjects } from "../session/projects.js";
import { useSession } from "../session/session.js";
import { Page } from "../ui/page.js";
import { QueryView, Waiting } from "../ui/query-view.js";
import { type Code, useCode } from "../ui/use-code.js";
import { FailureBoundary } from "./failure-boundary.js";
import { installationPage, projectPages } from "./pages.js";
import { SideBar } from "./side-bar.js";
import { useNewPage } from "./use-new-page.js";

/** The pages; each gets the id of the project of its address. */
export function Shell() {
  const [location] = useLocation();
  const search = useSearch();
  const content = useRef<HTMLElement>(null);
  useNewPage(content);
  return (
    <div className="shell">
      <a className="skip-link" href="#content">
        Skip to content
      </a>
      <Switch>
        <Route path="/projects/:project/*?">{({ project }) => <SideBar asked={project} />}</Route>
        <Route>
          <SideBar asked={undefined} />
        </Route>
      </Switch>
      <main ref={content} id="content" className="content" tabIndex={-1}>
        <FailureBoundary key={location} asked={search}>
          <Switch>
            <Route path="/">
              <Home />
            </Route>
            {[...projectPages].map(([path, code]) => (
              <Route key={path} path={`/projects/:project${path}`}>
                <OfProject code={code} />
              </Route>
            ))}
            <Route path={paths.installation()}>
              <Installation />
            </Route>
            <Route>
              <Page title="There is no such page">
                <ToOverview />
              </Page>
            </Route>
          </Switch>
        </FailureBoundary>
      </main>
    </div>
  );
}

function OfProject({ code }: { readonly code: Code<ProjectPageProps> }) {
  const { project = "" } = useParams<{ project: string }>();
  const { may } = useSession();
  const ProjectPage = useCode(code);
  if (useIsUnknownProject(project)) {
    return (
      <Page title="There is no such project">
        <p>It was deleted, or the token you signed in with is not its own.</p>
        <ToOverview />
      </Page>
    );
  }
  if (!may(Scope.READ)) {
    return (
      <Page title="This token may not read">
        <p>It lacks the scope READ. Sign out and sign in with a token that has it.</p>
      </Page>
    );
  }
  if (ProjectPage === undefined) return <Waiting rows={10} />;
  return <ProjectPage key={project} projectId={project} />;
}

function ToOverview() {
  return (
    <p>
      <Link href="/">Go to the overview</Link>
    </p>
  );
}

function Installation() {
  const InstallationPage = useCode(installationPage);
  return InstallationPage === undefined ? <Waiting rows={10} /> : <InstallationPage />;
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
