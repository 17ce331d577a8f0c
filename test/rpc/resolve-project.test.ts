import { afterAll, beforeAll, expect, it } from "vitest";
import type { Principal } from "../../src/auth/principal.js";
import { DbError } from "../../src/db/errors.js";
import type { CallContext } from "../../src/rpc/handler.js";
import { createProjectResolver } from "../../src/rpc/resolve-project.js";
import { ADMIN, failure, TenancyLab } from "./tenancy/support.js";

let lab: TenancyLab;
let projectId: string;
beforeAll(async () => {
  lab = await TenancyLab.start();
  projectId = await lab.project();
});
afterAll(() => lab[Symbol.asyncDispose]());

const context = (principal: Principal) => ({ principal, deadlineAt: Infinity }) as CallContext;

it("answers a project token's own project without asking the database", async () => {
  const member = await lab.member(projectId, "ingest");
  if (member.kind !== "project") throw new Error("no project token");
  const resolve = createProjectResolver({
    query: () => Promise.reject(new Error("asked the database")),
  });
  const own = { projectKey: member.projectKey, projectId };
  expect(resolve("", context(member))).toEqual(own);
  expect(resolve(projectId, context(member))).toEqual(own);
  for (const other of ["prj_other", "\0"]) {
    expect(
      await failure(Promise.resolve().then(() => resolve(other, context(member)))),
    ).toMatchObject({ code: "NotFound", reason: "PROJECT_NOT_FOUND" });
  }
});

it("looks a project up for an admin, and notices within a second that it is gone", async () => {
  const clock = { ms: 0 };
  const resolve = createProjectResolver(lab.pool, () => clock.ms);
  const doomed = await lab.project();
  const ref = await resolve(doomed, context(ADMIN));
  expect(ref).toEqual({ projectKey: expect.stringMatching(/^\d+$/), projectId: doomed });
  await lab.call("deleteProject", { projectId: doomed });
  clock.ms += 999;
  expect(resolve(doomed, context(ADMIN))).toEqual(ref);
  clock.ms += 1;
  expect(await failure(Promise.resolve(resolve(doomed, context(ADMIN))))).toMatchObject({
    code: "NotFound",
  });
});

it("asks an admin for the id", async () => {
  const resolve = createProjectResolver(lab.pool);
  expect(await failure(Promise.resolve().then(() => resolve("", context(ADMIN))))).toMatchObject({
    code: "InvalidArgument",
    fields: ["project_id"],
  });
});

it("tells an admin to try again while the database is away", async () => {
  const resolve = createProjectResolver({
    query: () => Promise.reject(new DbError("transient", "gone", "", "")),
  });
  expect(await failure(Promise.resolve(resolve(projectId, context(ADMIN))))).toMatchObject({
    code: "Unavailable",
    reason: "DATABASE_UNAVAILABLE",
  });
});
