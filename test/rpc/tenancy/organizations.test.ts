import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../../src/db/client.js";
import { countLockWaiters } from "../../support/lock-waiters.js";
import { ADMIN, failure, losingAnswers, TenancyLab } from "./support.js";

let lab: TenancyLab;
beforeAll(async () => {
  lab = await TenancyLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

it("creates an organization with a trimmed name, and answers it again", async () => {
  const before = Date.now();
  const { organization } = await lab.call("createOrganization", { name: "  Acme\n" });
  expect(organization).toMatchObject({
    organizationId: expect.stringMatching(/^org_[a-z2-7]{20}$/),
    name: "Acme",
  });
  const createdMs = Number(organization?.createTime?.seconds) * 1000;
  expect(Math.abs(createdMs - before)).toBeLessThan(60_000);
  const organizationId = organization?.organizationId ?? "";
  expect(await lab.call("getOrganization", { organizationId })).toMatchObject({ organization });
  expect(lab.lines).toContainEqual(
    expect.objectContaining({
      event: "org_created",
      organization_id: organizationId,
      request_id: "req-1",
      duration_ms: expect.any(Number),
    }),
  );
  expect((await lab.metrics.organizationsCreated.get()).values[0]?.value).toBe(1);
});

it("answers a taken name with the id of the one that has it", async () => {
  const organizationId = await lab.organization("Taken");
  expect(await failure(lab.call("createOrganization", { name: " Taken " }))).toEqual({
    code: "AlreadyExists",
    reason: "ORGANIZATION_EXISTS",
    metadata: { organization_id: organizationId },
    fields: [],
  });
  // Another case is another name.
  await lab.organization("taken");
});

it("gives a name to one of many that ask at once, and its id to the others", async () => {
  const all = await Promise.allSettled(
    Array.from({ length: 8 }, () => lab.call("createOrganization", { name: "Race" })),
  );
  const made = all.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  expect(made).toHaveLength(1);
  const id = made[0]?.organization?.organizationId;
  for (const each of all) {
    if (each.status === "rejected") {
      expect((await failure(Promise.reject(each.reason))).metadata).toEqual({
        organization_id: id,
      });
    }
  }
});

it.each(["", "   ", "a\0b", "\ud800", "x".repeat(1025), "é".repeat(513)])(
  "refuses the name %j",
  async (name) => {
    expect(await failure(lab.call("createOrganization", { name }))).toMatchObject({
      code: "InvalidArgument",
      fields: expect.arrayContaining(["name"]),
    });
  },
);

it("takes a name of 1 KiB", async () => {
  await lab.organization("é".repeat(512));
});

it("meets its own row when the answer of the first attempt is lost", async () => {
  const db = losingAnswers(lab.pool, /INSERT INTO organizations/);
  const { organization } = await lab.call("createOrganization", { name: "Once" }, undefined, db);
  expect(db.lost).toBe(1);
  expect(organization?.name).toBe("Once");
  const { auditEntries } = await lab.call("listAuditEntries", {});
  const id = organization?.organizationId;
  expect(auditEntries.filter(({ organizationId }) => organizationId === id)).toHaveLength(1);
});

it("knows its own row although its name has gone to another one meanwhile", async () => {
  let heir = "";
  const db = losingAnswers(lab.pool, /INSERT INTO organizations/, async () => {
    await lab.pool.query("UPDATE organizations SET deleted_at = now() WHERE name = 'Heirloom'");
    heir = await lab.organization("Heirloom");
  });
  const { organization } = await lab.call("createOrganization", { name: "Heirloom" }, ADMIN, db);
  expect(organization?.organizationId).not.toBe(heir);
});

it.each(["org_unknown", "a\0b", "x".repeat(5000), "'; --", "Ünïcode", "\ud800"])(
  "does not find %j",
  async (organizationId) => {
    for (const call of [
      () => lab.call("getOrganization", { organizationId }),
      () => lab.call("deleteOrganization", { organizationId, force: true }),
      () => lab.call("listProjects", { organizationId }),
      () => lab.call("createProject", { organizationId, name: "x" }),
    ]) {
      expect(await failure(call())).toMatchObject({
        code: "NotFound",
        reason: "ORGANIZATION_NOT_FOUND",
      });
    }
  },
);

it("asks for an id", async () => {
  for (const call of [
    () => lab.call("getOrganization", {}),
    () => lab.call("deleteOrganization", {}),
  ]) {
    expect(await failure(call())).toMatchObject({
      code: "InvalidArgument",
      fields: ["organization_id"],
    });
  }
});

it("pages by name, byte by byte", async () => {
  await using own = await TenancyLab.start();
  for (const name of ["b", "B", "a", "ä", "aa", "10", "9"]) await own.organization(name);
  const names: string[] = [];
  let pageToken = "";
  let pages = 0;
  do {
    const page = await own.call("listOrganizations", { pageSize: 3, pageToken });
    names.push(...page.organizations.map(({ name }) => name));
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== "");
  expect(names).toEqual(["10", "9", "B", "a", "aa", "b", "ä"]);
  expect(pages).toBe(3);
  expect(await failure(own.call("listOrganizations", { pageToken: "abc" }))).toMatchObject({
    code: "InvalidArgument",
    fields: ["page_token"],
  });
  expect(await failure(own.call("listOrganizations", { pageSize: -1 }))).toMatchObject({
    fields: ["page_size"],
  });
});

it("deletes an organization with projects only by force, and everything of it at once", async () => {
  const organizationId = await lab.organization("Doomed");
  const projectId = await lab.project(organizationId);
  expect(await failure(lab.call("deleteOrganization", { organizationId }))).toMatchObject({
    code: "FailedPrecondition",
    reason: "ORGANIZATION_NOT_EMPTY",
  });
  await lab.call("getProject", { projectId });
  await lab.call("deleteOrganization", { organizationId, force: true });
  for (const call of [
    () => lab.call("getOrganization", { organizationId }),
    () => lab.call("deleteOrganization", { organizationId, force: true }),
    () => lab.call("getProject", { projectId }),
    () => lab.call("createProject", { organizationId, name: "late" }),
  ]) {
    expect(await failure(call())).toMatchObject({ code: "NotFound" });
  }
  const { organizations } = await lab.call("listOrganizations", { pageSize: 1000 });
  expect(organizations.map((each) => each.organizationId)).not.toContain(organizationId);
  // The name is free again.
  await lab.organization("Doomed");
  const { auditEntries } = await lab.call("listAuditEntries", {});
  const actions = auditEntries
    .filter((each) => each.organizationId === organizationId)
    .map(({ action, subjectId, actorTokenId, address }) => [
      action,
      subjectId,
      actorTokenId,
      address,
    ]);
  expect(actions).toEqual([
    ["organization_deleted", organizationId, "theadmin", "10.0.0.1"],
    ["project_deleted", projectId, "theadmin", "10.0.0.1"],
    ["project_created", projectId, "theadmin", "10.0.0.1"],
    ["organization_created", organizationId, "theadmin", "10.0.0.1"],
  ]);
});

it("deletes an empty organization, also when the answer of the first attempt is lost", async () => {
  const organizationId = await lab.organization();
  const db = losingAnswers(lab.pool, /delete_organization/);
  await lab.call("deleteOrganization", { organizationId }, undefined, db);
  expect(db.lost).toBe(1);
  expect(await failure(lab.call("getOrganization", { organizationId }))).toMatchObject({
    code: "NotFound",
  });
});

it("creates no project in an organization whose deletion has not committed yet", async () => {
  const organizationId = await lab.organization();
  await using deleting = new Connection({ url: lab.database.url, prepare: false });
  await deleting.run(`BEGIN; SELECT delete_organization('${organizationId}', true, '', '')`);
  const created = failure(lab.call("createProject", { organizationId, name: "late" }));
  await expect.poll(() => countLockWaiters(lab.pool)).toBe(1);
  await deleting.run("COMMIT");
  expect(await created).toMatchObject({ code: "NotFound", reason: "ORGANIZATION_NOT_FOUND" });
});

it("sees a project whose creation had not committed when the deletion began", async () => {
  const organizationId = await lab.organization();
  await using creating = new Connection({ url: lab.database.url, prepare: false });
  await creating.run(`
    BEGIN;
    INSERT INTO projects (project_id, organization_key, name)
    SELECT 'prj_early', organization_key, 'early'
    FROM organizations
    WHERE organization_id = '${organizationId}'
    FOR SHARE;`);
  const deleted = failure(lab.call("deleteOrganization", { organizationId }));
  await expect.poll(() => countLockWaiters(lab.pool)).toBe(1);
  await creating.run("COMMIT");
  expect(await deleted).toMatchObject({ code: "FailedPrecondition" });
});

it("leaves no living project behind when one is created during the deletion", async () => {
  for (let round = 0; round < 20; round++) {
    const organizationId = await lab.organization();
    const [created] = await Promise.allSettled([
      lab.call("createProject", { organizationId, name: "late" }),
      lab.call("deleteOrganization", { organizationId, force: true }),
    ]);
    const [row] = await lab.pool.query<{ alive: string }>(
      `SELECT count(*) AS alive
       FROM projects p
       JOIN organizations o ON o.organization_key = p.organization_key
       WHERE o.organization_id = $1 AND p.deleted_at IS NULL`,
      [organizationId],
    );
    expect([created.status, row?.alive]).toEqual([created.status, "0"]);
  }
});

it("says that the time is up when the database does not answer within it", async () => {
  await using locker = new Connection({ url: lab.database.url, prepare: false });
  const locked = locker
    .run("BEGIN; LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(30); COMMIT")
    .catch(() => "unlocked");
  const holders = `
    FROM pg_locks
    WHERE relation = 'organizations'::regclass AND mode = 'AccessExclusiveLock' AND granted`;
  await expect.poll(() => lab.pool.query(`SELECT pid ${holders}`)).toHaveLength(1);
  const call = lab.call("getOrganization", { organizationId: "org_a" }, ADMIN, lab.pool, 50);
  expect(await failure(call)).toMatchObject({ code: "DeadlineExceeded" });
  await lab.pool.query(`SELECT pg_terminate_backend(pid) ${holders}`);
  expect(await locked).toBe("unlocked");
});
