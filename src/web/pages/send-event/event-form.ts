/** The fields of the form, the event that they make, and which of them a violation is about. */

/** What is typed; an empty field is not sent. */
export interface EventForm {
  readonly source: string;
  readonly metric: string;
  readonly amount: string;
  readonly timestamp: string;
  readonly path: string;
  readonly user: string;
}

export type FieldName = keyof EventForm;

export const EMPTY_FORM: EventForm = {
  source: "",
  metric: "",
  amount: "",
  timestamp: "",
  path: "",
  user: "",
};

/** The JSON of the event, as a client would send it. */
export function formJson({ source, ...payload }: EventForm): string {
  const given = Object.entries(payload).filter(([, text]) => text.trim() !== "");
  const event = {
    ...(source.trim() === "" ? {} : { source }),
    payload: Object.fromEntries(given),
  };
  return JSON.stringify(event, undefined, 2);
}

/** A field at fault, with its path in the event as it was sent. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

/** The violations by the field of the form that they are about; `others` are those that no field shows. */
export function problemsByField(violations: readonly FieldProblem[]): {
  readonly of: Readonly<Partial<Record<FieldName, readonly string[]>>>;
  readonly others: readonly FieldProblem[];
} {
  const of: Partial<Record<FieldName, string[]>> = {};
  const others: FieldProblem[] = [];
  for (const violation of violations) {
    const name = FIELDS[violation.field.replace(/^payload\./, "")];
    if (name === undefined) others.push(violation);
    else of[name] = [...(of[name] ?? []), violation.description];
  }
  return { of, others };
}

/** By the path as it was sent, and by the canonical name that stands for a missing field. */
const FIELDS: Readonly<Record<string, FieldName>> = {
  source: "source",
  client: "source",
  metric: "metric",
  amount: "amount",
  timestamp: "timestamp",
  occurred_at: "timestamp",
  path: "path",
  user: "user",
  user_id: "user",
};
