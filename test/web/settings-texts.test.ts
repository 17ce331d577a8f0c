/** The pure parts of the pages of settings and tokens. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { EventPolicy, ProjectSchema, TokenKind } from "../../gen/tally/v1/tenancy_pb.js";
import {
  changedPaths,
  fieldOf,
  formOf,
  formProblems,
  projectOf,
  unsavedEdits,
} from "../../src/web/pages/settings/project-form.js";
import {
  expiryOf,
  lifetimesUntil,
  scopesText,
  tokenState,
} from "../../src/web/tenancy/token-words.js";

const project = create(ProjectSchema, {
  projectId: "p",
  name: "shop",
  settings: { retentionDays: 30, keptRefusalBytes: 1n << 40n },
});

it("updates the settings that were changed, and those alone", () => {
  const before = formOf(project);
  expect(before.event_policy).toBe(String(EventPolicy.STRICT));
  expect(changedPaths(before, { ...before, name: "shop " })).toEqual([]);
  const after = { ...before, name: "cart", retention_days: "60" };
  expect(changedPaths(before, after)).toEqual(["name", "settings.retention_days"]);
  expect(projectOf("p", after)).toMatchObject({
    name: "cart",
    settings: { retentionDays: 60, keptRefusalBytes: 1n << 40n },
  });
  expect(fieldOf("project.settings.retention_days")).toBe("retention_days");
  expect(fieldOf("project.name")).toBe("name");
});

it("keeps what was edited while the edits before it were saved", () => {
  const saved = { name: "cart", retention_days: "60" };
  expect(unsavedEdits(saved, saved)).toEqual({});
  const later = { ...saved, retention_days: "61", default_branch: "trunk" };
  expect(unsavedEdits(later, saved)).toEqual({ retention_days: "61", default_branch: "trunk" });
});

it.each(["", "-1", "1.5", "1e3", "36501"])("takes %j for no number of days", (text) => {
  expect(formProblems({ ...formOf(project), retention_days: text })).toHaveProperty(
    "retention_days",
  );
});

it("knows how a token ends", () => {
  const now = Date.UTC(2026, 0, 1);
  const at = (ms: number) => timestampFromMs(ms);
  expect(tokenState({}, now)).toBe("active");
  expect(tokenState({ expireTime: at(now + 1) }, now)).toBe("active");
  expect(tokenState({ expireTime: at(now) }, now)).toBe("expired");
  expect(tokenState({ expireTime: at(now), revokeTime: at(now) }, now)).toBe("revoked");
  expect(expiryOf("", now, undefined)).toBeUndefined();
  expect(expiryOf("30", now, undefined)).toEqual(at(Date.UTC(2026, 0, 31)));
  expect(scopesText({ kind: TokenKind.ADMIN, scopes: [] })).toBe("everything");
});

it("offers a token that ends no lifetime beyond its own", () => {
  const now = Date.UTC(2026, 0, 1);
  const end = timestampFromMs(now + 60 * 86_400_000);
  const values = (until: typeof end | undefined) =>
    lifetimesUntil(until, now).map(({ value }) => value);
  expect(values(undefined)).toEqual(["90", "30", "365", ""]);
  expect(values(end)).toEqual(["30", ""]);
  expect(expiryOf("", now, end)).toEqual(end);
});
