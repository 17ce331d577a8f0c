/** Amounts of processed events, added up exactly. */
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";

/** Which events. */
export interface AggregateFilter {
  /** '' means any. */
  readonly client: string;
  readonly metric: string;
  /** Microseconds since the epoch, `[start, end)`; null is open. */
  readonly startUs: number | null;
  readonly endUs: number | null;
}

/** By what they are grouped. */
export interface AggregateGroups {
  readonly client: boolean;
  readonly metric: boolean;
  /** In UTC; weeks begin on Monday. */
  readonly period: "hour" | "day" | "week" | null;
}

/** One group. Amounts are decimals without exponent and trailing zeros. */
export interface EventAggregate {
  /** '' where they are not grouped by it. */
  readonly client: string;
  readonly metric: string;
  /** When the period begins; null where they are not grouped by time. */
  readonly periodUs: number | null;
  readonly count: number;
  readonly sum: string;
  /** These are '' without events. */
  readonly min: string;
  readonly max: string;
  /** To 15 digits after the point. */
  readonly avg: string;
  readonly p50: string;
  readonly p95: string;
  readonly p99: string;
}

/** The groups by period, client and metric, up to `limit`; without groups one row. Serves from events_by_client. */
export async function aggregateEvents(
  db: Queryable,
  projectKey: string,
  filter: AggregateFilter,
  groups: AggregateGroups,
  limit: number,
  deadlineAt: number,
): Promise<EventAggregate[]> {
  const params: Param[] = [projectKey];
  const bind = (value: Param) => {
    params.push(value);
    return `$${params.length}`;
  };
  const text = aggregateText(filter, groups, limit, bind);
  const rows = await db.query<AggregateColumns>(text, params, { deadlineAt });
  return rows.map((row) => ({
    client: row.client ?? "",
    metric: row.metric ?? "",
    periodUs: readMicros(row.period_us ?? null),
    count: Number(row.count),
    sum: row.sum ?? "0",
    min: row.min ?? "",
    max: row.max ?? "",
    avg: row.avg ?? "",
    p50: row.p50 ?? "",
    p95: row.p95 ?? "",
    p99: row.p99 ?? "",
  }));
}

type AggregateColumns = Partial<Record<"client" | "metric" | "period_us", string>> & {
  count: string;
} & Record<"sum" | "min" | "max" | "avg" | "p50" | "p95" | "p99", string | null>;

function aggregateText(
  { client, metric, startUs, endUs }: AggregateFilter,
  groups: AggregateGroups,
  limit: number,
  bind: (value: Param) => string,
): string {
  const conditions = [
    "project_key = $1",
    "state = 2",
    ...(client === "" ? [] : [`client = ${bind(client)}`]),
    ...(metric === "" ? [] : [`metric = ${bind(metric)}`]),
    ...(startUs === null ? [] : [`occurred_at >= ${timeOf(bind(startUs))}`]),
    ...(endUs === null ? [] : [`occurred_at < ${timeOf(bind(endUs))}`]),
  ];
  const keys = [
    ...(groups.period === null ? [] : ["period"]),
    ...(groups.client ? ["client"] : []),
    ...(groups.metric ? ["metric"] : []),
  ];
  const period = groups.period === null ? "" : `date_trunc('${groups.period}', occurred_at, 'UTC')`;
  // The quotient has the scale of the dividend, at least: 30 digits round to 15 as the exact value does.
  return `
SELECT
  ${keys
    .map((key) => (key === "period" ? `${microsOf(key)} AS period_us` : key))
    .map((key) => `${key},`)
    .join(" ")}
  count, trim_scale(sum)::text AS sum, trim_scale(min)::text AS min, trim_scale(max)::text AS max,
  trim_scale(round(sum * 1.${"0".repeat(30)} / NULLIF(count, 0), 15))::text AS avg,
  trim_scale(ranked[1])::text AS p50, trim_scale(ranked[2])::text AS p95, trim_scale(ranked[3])::text AS p99
FROM (
  SELECT
    ${keys.map((key) => `${key},`).join(" ")}
    count(*) AS count, sum(amount) AS sum, min(amount) AS min, max(amount) AS max,
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY amount) AS ranked
  FROM (
    SELECT client, metric, amount ${period === "" ? "" : `, ${period} AS period`}
    FROM events
    WHERE ${conditions.join(" AND ")}
  ) AS matching
  ${keys.length === 0 ? "" : `GROUP BY ${keys.join(", ")} ORDER BY ${keys.join(", ")} LIMIT ${bind(limit)}::int`}
) AS added`;
}
