/**
 * Addresses of the pages. Ids of runs and clients are free text: they are query parameters, since a path cannot carry every
 * text unharmed.
 */

/** Address of a page of a project. */
export const paths = {
  overview: (project: string) => page(project, ""),
  runs: (project: string, query: Query = {}) => page(project, "/runs", query),
  run: (project: string, run: string) => page(project, "/run", { id: run }),
  tests: (project: string, query: Query = {}) => page(project, "/tests", query),
  test: (project: string, test: string, query: Query = {}) =>
    page(project, "/test", { id: test, ...query }),
  flaky: (project: string, query: Query = {}) => page(project, "/flaky", query),
  failures: (project: string, query: Query = {}) => page(project, "/failures", query),
  compare: (project: string, query: Query = {}) => page(project, "/compare", query),
  events: (project: string, query: Query = {}) => page(project, "/events", query),
  event: (project: string, event: string) => page(project, "/event", { id: event }),
  sendEvent: (project: string) => page(project, "/events/send"),
  aggregates: (project: string, query: Query = {}) => page(project, "/events/aggregates", query),
  siteStats: (project: string, query: Query = {}) => page(project, "/events/site", query),
  rejections: (project: string, query: Query = {}) => page(project, "/rejections", query),
  ingestion: (project: string) => page(project, "/ingestion"),
  settings: (project: string) => page(project, "/settings"),
  installation: () => "/installation",
} as const;

/** Query parameters; those that are empty are left out. */
export type Query = Readonly<Record<string, string | undefined>>;

function page(project: string, path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") params.set(name, value);
  }
  const text = params.size === 0 ? "" : `?${params}`;
  return `/projects/${encodeURIComponent(project)}${path}${text}`;
}
