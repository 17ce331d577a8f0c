/** Navigation: the project, its pages, and who is signed in. */
import { useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import { displayText } from "../format/display-text.js";
import { paths } from "../routes.js";
import { useIsUnknownProject, useProjects } from "../session/projects.js";
import { useSession } from "../session/session.js";
import { Button } from "../ui/button.js";
import { errorText } from "../ui/error-text.js";
import { ThemeChoice } from "./theme-choice.js";

/** The bar beside the page, above it where the window is narrow; `asked` is the project of the address. */
export function SideBar({ asked }: { readonly asked: string | undefined }) {
  const { caller, isAdmin, may, signOut } = useSession();
  const projectId = useIsUnknownProject(asked) ? undefined : asked;
  return (
    <header className="side-bar">
      <Link href="/" className="brand">
        <img src="/icon.svg" alt="" width="24" height="24" /> Tally
      </Link>
      <ProjectPicker projectId={projectId} />
      <nav aria-label="Pages" className="side-nav">
        {projectId !== undefined &&
          may(Scope.READ) &&
          GROUPS.map(({ title, pages }) => (
            <div key={title} className="side-group">
              <span className="side-group-title">{title}</span>
              {pages
                .filter(([, , scope]) => scope === undefined || may(scope))
                .map(([text, address]) => (
                  <NavLink key={text} href={address(projectId)} text={text} />
                ))}
            </div>
          ))}
        {isAdmin && (
          <div className="side-group">
            <span className="side-group-title">Server</span>
            <NavLink href={paths.installation()} text="Installation" />
          </div>
        )}
      </nav>
      <div className="side-foot">
        <span className="soft small line" title={`token ${caller.token?.tokenId}`}>
          {displayText(caller.token?.name ?? "", 60)}
        </span>
        <ThemeChoice />
        <Button kind="quiet" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </header>
  );
}

const GROUPS = [
  {
    title: "Tests",
    pages: [
      ["Overview", paths.overview],
      ["Runs", paths.runs],
      ["Tests", paths.tests],
      ["Flaky", paths.flaky],
      ["Failures", paths.failures],
      ["Compare", paths.compare],
    ],
  },
  {
    title: "Events",
    pages: [
      ["Events", paths.events],
      ["Send", paths.sendEvent],
      ["Aggregates", paths.aggregates],
      ["Site stats", paths.siteStats],
    ],
  },
  {
    title: "Project",
    pages: [
      ["Ingestion", paths.ingestion],
      ["Rejections", paths.rejections],
      ["Settings", paths.settings, Scope.MANAGE],
    ],
  },
] as const satisfies readonly {
  readonly title: string;
  /** The name of each page, its address, and the scope without which it is of no use. */
  readonly pages: readonly (readonly [string, (project: string) => string, Scope?])[];
}[];

function NavLink({ href, text }: { readonly href: string; readonly text: string }) {
  const [location] = useLocation();
  const place = useRef<HTMLAnchorElement>(null);
  const isCurrent = location === href;
  // Where the window is narrow, the row of links is longer than it.
  useEffect(() => {
    if (isCurrent) place.current?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [isCurrent]);
  return (
    <Link ref={place} href={href} aria-current={isCurrent ? "page" : undefined}>
      {text}
    </Link>
  );
}

function ProjectPicker({ projectId }: { readonly projectId: string | undefined }) {
  const [, navigate] = useLocation();
  const { data, error, isFetching, refetch } = useProjects();
  if (data === undefined && error !== null) {
    return (
      <p role="alert" className="project-picker small">
        <span title={errorText(error)}>The projects could not be listed.</span>{" "}
        <Button kind="quiet" onClick={() => refetch()} isBusy={isFetching}>
          Try again
        </Button>
      </p>
    );
  }
  if (data === undefined || data.every(({ projects }) => projects.length === 0)) return null;
  return (
    <select
      aria-label="Project"
      className="project-picker"
      value={projectId ?? ""}
      onChange={(event) => navigate(paths.overview(event.target.value))}
    >
      {projectId === undefined && <option value="">Choose a project</option>}
      {data.map(({ organization, projects }) => {
        const options = projects.map((project) => (
          <option key={project.projectId} value={project.projectId}>
            {displayText(project.name, 80)}
          </option>
        ));
        return organization === undefined ? (
          options
        ) : (
          <optgroup key={organization.organizationId} label={displayText(organization.name, 80)}>
            {options}
          </optgroup>
        );
      })}
    </select>
  );
}
