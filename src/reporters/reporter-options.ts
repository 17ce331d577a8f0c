/** What every reporter can be told; what is left out comes from `TALLY_*` and from the CI system. */

export interface ReporterOptions {
  /** Address of the server (`TALLY_URL`); default `http://127.0.0.1:8080`. */
  readonly url?: string;
  /** Token with the scope INGEST (`TALLY_TOKEN`). Without one nothing is reported. */
  readonly token?: string;
  /** `connect` speaks HTTP/1.1 (`TALLY_PROTOCOL`); default `grpc`. */
  readonly protocol?: "grpc" | "connect";
  /** PEM file of authorities for https (`TALLY_CA_FILE`). */
  readonly caFile?: string;
  /** Project, needed for an admin token alone (`TALLY_PROJECT`). */
  readonly projectId?: string;
  /** The run (`TALLY_RUN_ID`); default the build of the CI system, elsewhere a new one each time. */
  readonly runId?: string;
  /** The job (`TALLY_JOB`); default that of the CI system. */
  readonly job?: string;
  /** The shard, as `1/4` (`TALLY_SHARD`); default that of the CI system or the framework. */
  readonly shard?: string;
  /** `TALLY_BRANCH`. */
  readonly branch?: string;
  /** `TALLY_COMMIT`. */
  readonly commit?: string;
  /** Labels of the run. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Where results are kept that cannot be delivered (`TALLY_SPOOL_DIR`); default `.tally/spool`. */
  readonly spoolDir?: string;
}

/** The environment as the options change it. */
export function withOptions(
  env: Readonly<Record<string, string | undefined>>,
  options: ReporterOptions,
): Record<string, string | undefined> {
  const given = Object.entries(VARIABLES).flatMap(([option, variable]) => {
    const value = options[option as keyof typeof VARIABLES];
    return value === undefined ? [] : [[variable, value]];
  });
  return { ...env, ...Object.fromEntries(given) };
}

const VARIABLES = {
  url: "TALLY_URL",
  token: "TALLY_TOKEN",
  protocol: "TALLY_PROTOCOL",
  caFile: "TALLY_CA_FILE",
  projectId: "TALLY_PROJECT",
  runId: "TALLY_RUN_ID",
  job: "TALLY_JOB",
  shard: "TALLY_SHARD",
  branch: "TALLY_BRANCH",
  commit: "TALLY_COMMIT",
  spoolDir: "TALLY_SPOOL_DIR",
} as const;
