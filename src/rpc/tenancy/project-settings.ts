/** Settings of a project: from a request to what is stored. */
import { EventPolicy, type ProjectSettings } from "../../../gen/tally/v1/tenancy_pb.js";
import type { Principal } from "../../auth/principal.js";
import type { StoredSettings } from "../../db/projects.js";
import type { Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";

/** Names of the settings as update masks give them, and as they are stored. */
export const settingNames: ReadonlyMap<string, keyof StoredSettings> = new Map([
  ["retention_days", "retentionDays"],
  ["default_branch", "defaultBranch"],
  ["event_policy", "eventPolicy"],
  ["kept_refusal_bytes", "keptRefusalBytes"],
  ["calls_per_second", "callsPerSecond"],
  ["event_retention_days", "eventRetentionDays"],
]);

/** Only an admin token may raise what a project costs the installation. */
const QUOTAS: ReadonlySet<keyof StoredSettings> = new Set(["keptRefusalBytes", "callsPerSecond"]);

const MAX_RETENTION_DAYS = 36_500;
const MAX_KEPT_REFUSAL_BYTES = 1n << 40n;
const MAX_CALLS_PER_SECOND = 1_000_000;

/** Whether the principal may set it. */
export function maySet(setting: keyof StoredSettings, principal: Principal | null): boolean {
  return principal?.kind === "admin" || !QUOTAS.has(setting);
}

/** The settings, with defaults where absent; what is wrong is added under `path`. */
export function readSettings(
  violations: Violation[],
  path: string,
  settings: ProjectSettings | undefined,
): StoredSettings {
  const read: StoredSettings = {
    retentionDays: settings?.retentionDays ?? 0,
    defaultBranch: settings?.defaultBranch ?? "",
    eventPolicy: settings?.eventPolicy ?? 0,
    keptRefusalBytes: settings?.keptRefusalBytes ?? 0n,
    callsPerSecond: settings?.callsPerSecond ?? 0,
    eventRetentionDays: settings?.eventRetentionDays ?? 0,
  };
  checkRange(violations, `${path}.retention_days`, read.retentionDays, MAX_RETENTION_DAYS);
  checkName(violations, `${path}.default_branch`, read.defaultBranch, limits.nameBytes);
  if (EventPolicy[read.eventPolicy] === undefined) {
    violations.push({
      field: `${path}.event_policy`,
      description: `${read.eventPolicy} is no policy`,
    });
  }
  checkRange(
    violations,
    `${path}.kept_refusal_bytes`,
    read.keptRefusalBytes,
    MAX_KEPT_REFUSAL_BYTES,
  );
  checkRange(violations, `${path}.calls_per_second`, read.callsPerSecond, MAX_CALLS_PER_SECOND);
  checkRange(
    violations,
    `${path}.event_retention_days`,
    read.eventRetentionDays,
    MAX_RETENTION_DAYS,
  );
  return read;
}

function checkRange(
  violations: Violation[],
  field: string,
  value: number | bigint,
  max: number | bigint,
): void {
  if (value < 0 || value > max) {
    violations.push({ field, description: `is ${value}, 0 to ${max} are valid` });
  }
}
