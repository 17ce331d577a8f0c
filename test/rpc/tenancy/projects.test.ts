import { afterAll, beforeAll, expect, it } from "vitest";
import { EventPolicy } from "../../../gen/tally/v1/tenancy_pb.js";
import { failure, losingAnswers, TenancyLab } from "./support.js";

let lab: TenancyLab;
beforeAll(async () => {
  lab = await TenancyLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

const settings = {
  retentionDays: 90,
  defaultBranch: "trunk",
  eventPolicy: EventPolicy.LENIENT,
  keptRefusalBytes: 5_000_000_000n,
  callsPerSecond: 50,
  eventRetentionDays: 400,
};
const defaults = {
  retentionDays: 0,
  defaultBranch: "",
  eventPolicy: EventPolicy.UNSPECIFIED,
  keptRefusalBytes: 0n,
  callsPerSecond: 0,
  eventRetentionDays: 0,
};

it("creates a project with its settings, or with the defaults", async () => {
  const organizationId = await lab.organization();
  const { project } = await lab.call("createProject", { organizationId, name: " web ", settings });
  expect(project).toMatchObject({
    projectId: expect.stringMatching(/^prj_[a-z2-7]{20}$/),
    organizationId,
    name: "web",
    settings,
  });
  const projectId = project?.projectId ?? "";
  expect(await lab.call("getProject", { projectId })).toMatchObject({ project });
  const plain = await lab.project(organizationId, "plain");
  expect((await lab.call("getProject", { projectId: plain })).project?.settings).toMatchObject(
    defaults,
  );
  expect(lab.lines).toContainEqual(
    expect.objectContaining({
      event: "project_created",
      organization_id: organizationId,
      project_id: projectId,
      duration_ms: expect.any(Number),
    }),
  );
});

it("keeps names unique in an organization, not beyond", async () => {
  const organizationId = await lab.organization();
  const projectId = await lab.project(organizationId, "same");
  expect(await failure(lab.call("createProject", { organizationId, name: "same" }))).toEqual({
    code: "AlreadyExists",
    reason: "PROJECT_EXISTS",
    metadata: { project_id: projectId },
    fields: [],
  });
  await lab.project(undefined, "same");
});

it("names everything that is wrong with a new project at once", async () => {
  const organizationId = await lab.organization();
  const wrong = {
    retentionDays: 36_501,
    defaultBranch: "a\0b",
    eventPolicy: 7 as EventPolicy,
    keptRefusalBytes: -1n,
    callsPerSecond: 1_000_001,
    eventRetentionDays: -1,
  };
  expect(
    await failure(lab.call("createProject", { organizationId, name: " ", settings: wrong })),
  ).toMatchObject({
    code: "InvalidArgument",
    fields: [
      "name",
      "settings.retention_days",
      "settings.default_branch",
      "settings.event_policy",
      "settings.kept_refusal_bytes",
      "settings.calls_per_second",
      "settings.event_retention_days",
    ],
  });
});

it("meets its own row when the answer of the first attempt is lost", async () => {
  const organizationId = await lab.organization();
  const db = losingAnswers(lab.pool, /INSERT INTO projects/);
  const request = { organizationId, name: "once" };
  const { project } = await lab.call("createProject", request, undefined, db);
  expect(db.lost).toBe(1);
  const { projects } = await lab.call("listProjects", { organizationId });
  expect(projects.map(({ projectId }) => projectId)).toEqual([project?.projectId]);
});

it("knows its own row although its name has gone to another one meanwhile", async () => {
  const organizationId = await lab.organization();
  let heir = "";
  const db = losingAnswers(lab.pool, /INSERT INTO projects/, async () => {
    await lab.pool.query("UPDATE projects SET deleted_at = now() WHERE name = 'heirloom'");
    heir = await lab.project(organizationId, "heirloom");
  });
  const request = { organizationId, name: "heirloom" };
  const { project } = await lab.call("createProject", request, undefined, db);
  expect(project?.projectId).toMatch(/^prj_/);
  expect(project?.projectId).not.toBe(heir);
});

it("changes what the mask names, and nothing else", async () => {
  const projectId = await lab.project();
  const update = (paths: string[], change: object) =>
    lab.call("updateProject", { project: { projectId, ...change }, updateMask: { paths } });
  const named = await update(["name"], { name: " new ", settings });
  expect(named.project).toMatchObject({ name: "new", settings: defaults });
  const one = await update(["settings.retention_days"], { name: "other", settings });
  expect(one.project).toMatchObject({
    name: "new",
    settings: { ...defaults, retentionDays: 90 },
  });
  const all = await update(["settings"], { settings });
  expect(all.project).toMatchObject({ name: "new", settings });
  const cleared = await update(["settings"], {});
  expect(cleared.project).toMatchObject({ name: "new", settings: defaults });
  const { auditEntries } = await lab.call("listAuditEntries", { projectId });
  expect(auditEntries.map(({ action }) => action)).toEqual([
    ...Array(4).fill("project_updated"),
    "project_created",
  ]);
});

it.each([
  [[], {}, ["update_mask"]],
  [["nonsense"], {}, ["update_mask"]],
  [["settings.nonsense"], {}, ["update_mask"]],
  [["project_id"], {}, ["update_mask"]],
  [["name"], { name: " " }, ["project.name"]],
  [
    ["settings.retention_days"],
    { settings: { retentionDays: -1 } },
    ["project.settings.retention_days"],
  ],
])("refuses the mask %j with %j", async (paths, change, fields) => {
  const projectId = await lab.project();
  const request = { project: { projectId, ...change }, updateMask: { paths } };
  expect(await failure(lab.call("updateProject", request))).toMatchObject({
    code: "InvalidArgument",
    fields,
  });
});

it("does not look at what the mask leaves out", async () => {
  const projectId = await lab.project();
  const project = { projectId, name: "fine", settings: { retentionDays: -1 } };
  await lab.call("updateProject", { project, updateMask: { paths: ["name"] } });
});

it("answers a new name that is taken with the id of the project that has it", async () => {
  const organizationId = await lab.organization();
  const gone = await lab.project(organizationId, "first");
  await lab.call("deleteProject", { projectId: gone });
  const first = await lab.project(organizationId, "first");
  const second = await lab.project(organizationId, "second");
  const project = { projectId: second, name: "first" };
  expect(
    await failure(lab.call("updateProject", { project, updateMask: { paths: ["name"] } })),
  ).toMatchObject({
    code: "AlreadyExists",
    reason: "PROJECT_EXISTS",
    metadata: { project_id: first },
  });
});

it("lets a project's token change its settings, but not its quotas", async () => {
  const projectId = await lab.project();
  const member = await lab.member(projectId, "manage");
  const update = (paths: string[]) =>
    lab.call("updateProject", { project: { settings }, updateMask: { paths } }, member);
  expect((await update(["settings.retention_days"])).project?.settings?.retentionDays).toBe(90);
  for (const path of ["settings.kept_refusal_bytes", "settings.calls_per_second"]) {
    expect(await failure(update([path]))).toMatchObject({
      code: "PermissionDenied",
      reason: "ADMIN_NEEDED",
    });
  }
  // A settings message that was read, changed and sent back leaves the quotas as they are.
  expect((await update(["settings"])).project?.settings).toMatchObject({
    ...settings,
    keptRefusalBytes: 0n,
    callsPerSecond: 0,
  });
});

it("answers another project's id like one that does not exist", async () => {
  const member = await lab.member(await lab.project(), "manage", "read", "ingest");
  const other = await lab.project();
  for (const projectId of [other, "prj_unknown", "a\0b", "x".repeat(5000)]) {
    const updateMask = { paths: ["name"] };
    for (const call of [
      () => lab.call("getProject", { projectId }, member),
      () => lab.call("updateProject", { project: { projectId, name: "x" }, updateMask }, member),
      () => lab.call("listTokens", { projectId }, member),
      () => lab.call("createToken", { projectId, name: "x" }, member),
      () => lab.call("listAuditEntries", { projectId }, member),
      () => lab.call("getRetentionReport", { projectId }, member),
    ]) {
      expect(await failure(call())).toMatchObject({
        code: "NotFound",
        reason: "PROJECT_NOT_FOUND",
      });
    }
  }
});

it("asks an admin for the project, and takes a project token's own", async () => {
  const projectId = await lab.project();
  expect(await failure(lab.call("getProject", {}))).toMatchObject({
    code: "InvalidArgument",
    fields: ["project_id"],
  });
  const member = await lab.member(projectId, "read");
  expect((await lab.call("getProject", {}, member)).project?.projectId).toBe(projectId);
  expect((await lab.call("getProject", { projectId }, member)).project?.projectId).toBe(projectId);
});

it.each(["prj_unknown", "a\0b", "x".repeat(5000)])("does not find %j", async (projectId) => {
  for (const call of [
    () => lab.call("getProject", { projectId }),
    () => lab.call("deleteProject", { projectId }),
    () => lab.call("listTokens", { projectId }),
    () => lab.call("createToken", { projectId, name: "x", scopes: [1] }),
  ]) {
    expect(await failure(call())).toMatchObject({ code: "NotFound", reason: "PROJECT_NOT_FOUND" });
  }
});

it("pages an organization's projects by name", async () => {
  const organizationId = await lab.organization();
  for (const name of ["c", "a", "b"]) await lab.project(organizationId, name);
  await lab.project(undefined, "elsewhere");
  const first = await lab.call("listProjects", { organizationId, pageSize: 2 });
  expect(first.projects.map(({ name }) => name)).toEqual(["a", "b"]);
  const pageToken = first.nextPageToken;
  const next = await lab.call("listProjects", { organizationId, pageSize: 2, pageToken });
  expect(next.projects.map(({ name }) => name)).toEqual(["c"]);
  expect(next.nextPageToken).toBe("");
  const other = await lab.organization();
  expect((await lab.call("listProjects", { organizationId: other })).projects).toEqual([]);
  expect(
    await failure(lab.call("listProjects", { organizationId: other, pageToken })),
  ).toMatchObject({ code: "InvalidArgument", fields: ["page_token"] });
});

it("deletes a project at once, and frees its name", async () => {
  const organizationId = await lab.organization();
  const projectId = await lab.project(organizationId, "gone");
  const db = losingAnswers(lab.pool, /SET deleted_at/);
  await lab.call("deleteProject", { projectId }, undefined, db);
  expect(db.lost).toBe(1);
  for (const call of [
    () => lab.call("getProject", { projectId }),
    () => lab.call("deleteProject", { projectId }),
    () => lab.call("getRetentionReport", { projectId }),
  ]) {
    expect(await failure(call())).toMatchObject({ code: "NotFound" });
  }
  expect((await lab.call("listProjects", { organizationId })).projects).toEqual([]);
  await lab.project(organizationId, "gone");
});
