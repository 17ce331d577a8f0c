/** Tenancy as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type AuditEntrySchema,
  type OrganizationSchema,
  type ProjectSchema,
  Scope,
  TokenKind,
  type TokenSchema,
} from "../../../gen/tally/v1/tenancy_pb.js";
import type { ScopeName } from "../../auth/principal.js";
import { scopesOf } from "../../auth/scopes.js";
import type { StoredAuditEntry } from "../../db/audit-entries.js";
import type { StoredOrganization } from "../../db/organizations.js";
import type { StoredProject } from "../../db/projects.js";
import type { StoredToken } from "../../db/tokens.js";
import { timestamp } from "../run-message.js";

/** An organization as answers show it. */
export function organizationMessage(
  stored: StoredOrganization,
): MessageInitShape<typeof OrganizationSchema> {
  const { organizationId, name, createUs } = stored;
  return { organizationId, name, createTime: timestamp(createUs) };
}

/** A project as answers show it. */
export function projectMessage(stored: StoredProject): MessageInitShape<typeof ProjectSchema> {
  return { settings: stored.settings, ...projectNames(stored) };
}

/** The same without its settings. */
export function projectNames({ projectId, organizationId, name, createUs }: StoredProject) {
  return { projectId, organizationId, name, createTime: timestamp(createUs) };
}

/** A token as answers show it: never its secret or hash. */
export function tokenMessage(stored: StoredToken): MessageInitShape<typeof TokenSchema> {
  const { tokenId, kind, projectId, name, scopes, createUs } = stored;
  const { expireUs, revokeUs, lastUseUs } = stored;
  return {
    tokenId,
    kind: kind === "admin" ? TokenKind.ADMIN : TokenKind.PROJECT,
    projectId,
    name,
    scopes: scopesOf(scopes).map((scope) => SCOPES[scope]),
    createTime: timestamp(createUs),
    ...(expireUs === null ? {} : { expireTime: timestamp(expireUs) }),
    ...(revokeUs === null ? {} : { revokeTime: timestamp(revokeUs) }),
    ...(lastUseUs === null ? {} : { lastUseTime: timestamp(lastUseUs) }),
  };
}

/** An audit entry as answers show it. */
export function auditEntryMessage(
  stored: StoredAuditEntry,
): MessageInitShape<typeof AuditEntrySchema> {
  const { action, actorTokenId, organizationId, projectId, subjectId, address } = stored;
  return {
    auditEntryId: BigInt(stored.auditEntryId),
    createTime: timestamp(stored.createUs),
    action,
    actorTokenId,
    organizationId,
    projectId,
    subjectId,
    address,
    count: BigInt(stored.count),
  };
}

/** The name of a scope; undefined for one that does not exist. */
export function scopeName(scope: Scope): ScopeName | undefined {
  return SCOPE_NAMES.get(scope);
}

const SCOPES: Readonly<Record<ScopeName, Scope>> = {
  ingest: Scope.INGEST,
  read: Scope.READ,
  manage: Scope.MANAGE,
};
const SCOPE_NAMES: ReadonlyMap<Scope, ScopeName> = new Map([
  [Scope.INGEST, "ingest"],
  [Scope.READ, "read"],
  [Scope.MANAGE, "manage"],
]);
