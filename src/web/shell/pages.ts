/** The pages. Each is code of its own, which comes when the page is opened. */
import type { ProjectPageProps } from "../pages/project-page.js";
import { paths } from "../routes.js";
import { type Code, codeOf } from "../ui/use-code.js";

const overview = codeOf(() => import("../pages/overview/overview-page.js"));

/** Pages of a project, by what follows the project in their address. */
export const projectPages: ReadonlyMap<string, Code<ProjectPageProps>> = new Map([
  ["", overview],
  ["/runs", codeOf(() => import("../pages/runs/runs-page.js"))],
  ["/run", codeOf(() => import("../pages/run/run-page.js"))],
  ["/compare", codeOf(() => import("../pages/compare/compare-page.js"))],
  ["/tests", codeOf(() => import("../pages/tests/tests-page.js"))],
  ["/test", codeOf(() => import("../pages/test/test-page.js"))],
  ["/flaky", codeOf(() => import("../pages/flaky/flaky-page.js"))],
  ["/failures", codeOf(() => import("../pages/failures/failures-page.js"))],
  ["/events", codeOf(() => import("../pages/events/events-page.js"))],
  ["/event", codeOf(() => import("../pages/event/event-page.js"))],
  ["/events/send", codeOf(() => import("../pages/send-event/send-event-page.js"))],
  ["/events/aggregates", codeOf(() => import("../pages/aggregates/aggregates-page.js"))],
  ["/events/site", codeOf(() => import("../pages/site-stats/site-stats-page.js"))],
  ["/rejections", codeOf(() => import("../pages/rejections/rejections-page.js"))],
  ["/ingestion", codeOf(() => import("../pages/ingestion/ingestion-page.js"))],
  ["/settings", codeOf(() => import("../pages/settings/settings-page.js"))],
]);

/** The page beside the projects. */
export const installationPage = codeOf(() => import("../pages/installation/installation-page.js"));

/** Has the code of the page at this address come before it is known who is there. */
export function preloadPage(pathname: string): void {
  // A failure is told by the page, which tries again.
  codeAt(pathname)
    ?.load()
    .catch(() => {});
}

/** The first page leads to an overview. */
function codeAt(pathname: string) {
  if (pathname === "/") return overview;
  if (pathname === paths.installation()) return installationPage;
  const [, rest] = /^\/projects\/[^/]+(.*)$/.exec(pathname) ?? [];
  return rest === undefined ? undefined : projectPages.get(rest);
}
