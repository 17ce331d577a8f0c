/** What statements read, as the database tells it. */
import type { Param, Queryable, QueryOptions } from "../../src/db/queryable.js";

/** What a statement read: rows that it looked at in tables, and the indexes that led to them. What never ran is left out. */
export interface Plan {
  readonly indexes: string[];
  readonly sequential: string[];
  /** Rows that scans of tables and indexes found, with those that they threw away. */
  readonly scanned: number;
  /** Pairs of rows that nested loops looked at in vain. */
  readonly vain: number;
}

interface PlanNode {
  "Node Type": string;
  "Index Name"?: string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Join Filter"?: number;
  Plans?: PlanNode[];
}

/**
 * The plans of the statements that `read` sends over one connection, as the connection keeps them: made without the
 * values. Each runs twice: what the first time changed is undone.
 */
export async function plansOf(
  db: Queryable,
  read: (db: Queryable) => Promise<unknown>,
): Promise<Plan[]> {
  const plans: Plan[] = [];
  await read({
    async query<Row extends object>(
      text: string,
      params: readonly Param[] = [],
      options?: QueryOptions,
    ): Promise<Row[]> {
      await db.query("BEGIN");
      await db.query(`PREPARE planned AS ${text}`);
      plans.push(await explain(db, "planned", params));
      await db.query("DEALLOCATE planned");
      await db.query("ROLLBACK");
      return db.query<Row>(text, params, options);
    },
  });
  return plans;
}

/** `plansOf` over a connection that keeps its plans as they were when each statement was first sent. What is read must change nothing. */
export function createKeptPlans(
  db: Queryable,
): (read: (db: Queryable) => Promise<unknown>) => Promise<Plan[]> {
  const names = new Map<string, string>();
  return async (read) => {
    const plans: Plan[] = [];
    await read({
      async query<Row extends object>(
        text: string,
        params: readonly Param[] = [],
        options?: QueryOptions,
      ): Promise<Row[]> {
        let name = names.get(text);
        if (name === undefined) {
          name = `kept_${names.size}`;
          names.set(text, name);
          await db.query(`PREPARE ${name} AS ${text}`);
        }
        plans.push(await explain(db, name, params));
        return db.query<Row>(text, params, options);
      },
    });
    return plans;
  };
}

async function explain(db: Queryable, name: string, params: readonly Param[]): Promise<Plan> {
  const [server] = await db.query<{ rounds: boolean }>(
    "SELECT current_setting('server_version_num')::int < 180000 AS rounds",
  );
  const values = params.length === 0 ? "" : `(${params.map(literal).join(", ")})`;
  const [row] = await db.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${name} ${values}`,
  );
  if (row === undefined) throw new Error("nothing was explained");
  return readPlan(row["QUERY PLAN"][0].Plan, server?.rounds === true ? ROUNDED_BY : 0);
}

/** The plan of the one statement that `act` sends. */
export async function planOf(
  db: Queryable,
  act: (db: Queryable) => Promise<unknown>,
): Promise<Plan> {
  const [plan] = await plansOf(db, act);
  if (plan === undefined) throw new Error("nothing was sent");
  return plan;
}

/** Before version 18, rows of a loop are rounded: as many fewer there may have been. */
const ROUNDED_BY = 0.5;

function readPlan(root: PlanNode, error: number): Plan {
  const nodes: PlanNode[] = [];
  const walk = (node: PlanNode) => {
    if (node["Actual Loops"] === 0) return;
    nodes.push(node);
    for (const each of node.Plans ?? []) walk(each);
  };
  walk(root);
  // What a bitmap finds is counted where it reads the table.
  const scans = nodes.filter((node) => node["Relation Name"] !== undefined);
  return {
    indexes: [...new Set(nodes.flatMap((node) => node["Index Name"] ?? []))].sort(),
    sequential: nodes
      .filter((node) => node["Node Type"] === "Seq Scan")
      .map((node) => node["Relation Name"] ?? ""),
    scanned: scans.reduce((sum, node) => {
      const rows = [node["Actual Rows"], node["Rows Removed by Filter"] ?? 0];
      const loops = node["Actual Loops"];
      const least = loops === 1 ? rows : rows.map((n) => Math.max(0, n - error));
      return sum + least.reduce((a, b) => a + b) * loops;
    }, 0),
    vain: nodes.reduce(
      (sum, node) => sum + (node["Rows Removed by Join Filter"] ?? 0) * node["Actual Loops"],
      0,
    ),
  };
}

function literal(param: Param): string {
  if (param === null) return "NULL";
  if (param instanceof Uint8Array) return `'\\x${Buffer.from(param).toString("hex")}'`;
  const text = param instanceof Date ? param.toISOString() : String(param);
  return `'${text.replaceAll("'", "''")}'`;
}
