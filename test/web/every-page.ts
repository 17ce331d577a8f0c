/** Every page of the dashboard, in a project whose names mean harm. */
import { expect } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { paths } from "../../src/web/routes.js";
import type { LabPage, WebLab } from "./web-lab.js";

const RUN_ID = "<script>alert(1)</script> / ? # & \u202Egnp.exe \u001b[31mred 😀";
const NAME = `<img src=x onerror=alert(1)> \u202Etxt 😀 ${"long".repeat(220)}`;
const LINK = "javascript:alert(1)";

/** What the pages show. */
export interface HarmfulProject {
  readonly projectId: string;
  readonly testId: string;
  readonly eventId: string;
  readonly rejectionId: string;
}

/** Fills the lab's project, so that no page is empty, and makes an organization with two projects beside it. */
export async function fillHarmful({ server, client }: WebLab): Promise<HarmfulProject> {
  await client.ingest.ingestRun({
    run: {
      runId: RUN_ID,
      source: { branch: LINK, commitSha: LINK, repositoryUrl: LINK, changeId: NAME },
      ci: { provider: NAME, buildUrl: LINK },
      labels: { [LINK.slice(0, 60)]: NAME.slice(0, 200) },
      status: Status.FAILED,
    },
    results: [1, 2].map((attempt) => ({
      test: { name: NAME, file: LINK, suite: NAME },
      status: attempt === 1 ? Status.FAILED : Status.PASSED,
      attempt,
      failure: { message: NAME.repeat(8), trace: NAME, expected: LINK, actual: NAME },
      stdout: NAME,
    })),
  });
  await client.ingest.ingestRun({ run: { runId: `${RUN_ID} 2`, status: Status.PASSED } });
  const { results } = await client.stats.listResults({ runId: RUN_ID });
  const json = Buffer.from(
    JSON.stringify({ source: NAME.slice(0, 100), amount: 1, metric: LINK, timestamp: 0 }),
  );
  const input = { payload: { case: "json", value: json } } as const;
  const { event } = await client.events.ingestEvent({ event: input });
  const refused = {
    payload: { case: "json", value: Buffer.from(`{"amount":"${LINK}"}`) },
  } as const;
  await client.events.ingestEvent({ event: refused }).catch(() => {});
  const { rejections } = await client.rejections.listRejections({});
  const { tenancy } = server.client();
  const { organization } = await tenancy.createOrganization({ name: NAME });
  for (const name of ["one", NAME]) {
    await tenancy.createProject({ organizationId: organization?.organizationId ?? "", name });
  }
  return {
    projectId: server.projectId,
    testId: results[0]?.testId ?? "",
    eventId: event?.eventId ?? "",
    rejectionId: rejections[0]?.rejectionId ?? "",
  };
}

/** The pages with their addresses. */
export const everyPage: readonly [string, (project: HarmfulProject) => string][] = [
  ["overview", ({ projectId }) => paths.overview(projectId)],
  ["runs", ({ projectId }) => paths.runs(projectId)],
  ["run", ({ projectId }) => paths.run(projectId, RUN_ID)],
  ["compare", ({ projectId }) => paths.compare(projectId, { base: RUN_ID, head: `${RUN_ID} 2` })],
  ["tests", ({ projectId }) => paths.tests(projectId)],
  ["test", ({ projectId, testId }) => paths.test(projectId, testId)],
  ["flaky", ({ projectId }) => paths.flaky(projectId)],
  ["failures", ({ projectId }) => paths.failures(projectId)],
  ["events", ({ projectId }) => paths.events(projectId)],
  ["event", ({ projectId, eventId }) => paths.event(projectId, eventId)],
  ["send", ({ projectId }) => paths.sendEvent(projectId)],
  ["aggregates", ({ projectId }) => paths.aggregates(projectId)],
  ["site stats", ({ projectId }) => paths.siteStats(projectId, { client: LINK })],
  ["rejections", ({ projectId }) => paths.rejections(projectId)],
  ["rejection", ({ projectId, rejectionId }) => paths.rejections(projectId, { id: rejectionId })],
  ["ingestion", ({ projectId }) => paths.ingestion(projectId)],
  ["settings", ({ projectId }) => paths.settings(projectId)],
  ["installation", () => paths.installation()],
];

/** The page is there, and all that it asked for: what is shown while nobody is known yet has a heading too. */
export async function whenShown({ page, waiting }: LabPage): Promise<void> {
  await page.locator("#content h1").waitFor();
  await expect
    .poll(async () => {
      // What the last answer lets the page ask is asked by then.
      await page.evaluate(NEXT_FRAMES);
      return waiting() + (await page.locator(".waiting").count());
    })
    .toBe(0);
}

const NEXT_FRAMES =
  "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";
