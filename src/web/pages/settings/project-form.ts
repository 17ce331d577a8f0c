/** The settings of a project as a form has them, and what of it was changed. */
import { create } from "@bufbuild/protobuf";
import {
  EventPolicy,
  type Project,
  ProjectSchema,
  ProjectSettingsSchema,
} from "../../../../gen/tally/v1/tenancy_pb.js";

/** What is typed and chosen; numbers as text, so that nothing is lost while they are typed. */
export interface ProjectForm {
  readonly name: string;
  readonly default_branch: string;
  readonly retention_days: string;
  readonly event_retention_days: string;
  readonly event_policy: string;
  readonly kept_refusal_bytes: string;
  readonly calls_per_second: string;
}

/** What of it was typed or chosen by the reader. */
export type ProjectEdits = Partial<ProjectForm>;

/** The form of a stored project. */
export function formOf({ name, settings }: Project): ProjectForm {
  return {
    name,
    default_branch: settings?.defaultBranch ?? "",
    retention_days: String(settings?.retentionDays ?? 0),
    event_retention_days: String(settings?.eventRetentionDays ?? 0),
    event_policy: String(settings?.eventPolicy || EventPolicy.STRICT),
    kept_refusal_bytes: String(settings?.keptRefusalBytes ?? 0n),
    calls_per_second: String(settings?.callsPerSecond ?? 0),
  };
}

/** What is wrong with the numbers, by field: the server cannot be asked with what is no whole number. */
export function formProblems(
  form: ProjectForm,
): Readonly<Partial<Record<keyof ProjectForm, string>>> {
  const problems: Partial<Record<keyof ProjectForm, string>> = {};
  for (const [name, max] of NUMBERS) {
    const text = form[name].trim();
    if (!/^\d{1,13}$/.test(text) || Number(text) > max) {
      problems[name] = `A whole number from 0 to ${max.toLocaleString("en")}`;
    }
  }
  return problems;
}

/** The fields that differ, as the paths of an update mask. */
export function changedPaths(before: ProjectForm, after: ProjectForm): string[] {
  return (Object.keys(before) as (keyof ProjectForm)[])
    .filter((name) => before[name].trim() !== after[name].trim())
    .map((name) => (name === "name" ? "name" : `settings.${name}`));
}

/** The edits that are left once `saved` are stored: those that were made or made again since. */
export function unsavedEdits(edits: ProjectEdits, saved: ProjectEdits): ProjectEdits {
  const names = Object.keys(edits) as (keyof ProjectForm)[];
  return Object.fromEntries(
    names.filter((name) => edits[name] !== saved[name]).map((name) => [name, edits[name]]),
  );
}

/** The project that the form describes. */
export function projectOf(projectId: string, form: ProjectForm): Project {
  return create(ProjectSchema, {
    projectId,
    name: form.name,
    settings: create(ProjectSettingsSchema, {
      defaultBranch: form.default_branch.trim(),
      retentionDays: Number(form.retention_days),
      eventRetentionDays: Number(form.event_retention_days),
      eventPolicy: Number(form.event_policy),
      keptRefusalBytes: BigInt(form.kept_refusal_bytes.trim()),
      callsPerSecond: Number(form.calls_per_second),
    }),
  });
}

/** The field of the form that a violation of UpdateProject is about. */
export function fieldOf(violation: string): string {
  return violation.replace(/^project\.(?:settings\.)?/, "");
}

const NUMBERS: readonly (readonly [keyof ProjectForm, number])[] = [
  ["retention_days", 36_500],
  ["event_retention_days", 36_500],
  ["kept_refusal_bytes", 1_099_511_627_776],
  ["calls_per_second", 1_000_000],
];
