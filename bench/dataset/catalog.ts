/** The tests of a data set: what they are called, where they run, how long they take, and which of them are trouble. */
import { drawOf, normal, seededRandom } from "../random.js";

/** The jobs of a build, each with its shards and its share of ten tests. */
export const JOBS = [
  { job: "unit", shards: 2, tenths: 6 },
  { job: "integration", shards: 1, tenths: 3 },
  { job: "e2e", shards: 1, tenths: 1 },
] as const;

export type JobName = (typeof JOBS)[number]["job"];

export interface CatalogTest {
  readonly index: number;
  readonly job: JobName;
  /** From 0. */
  readonly shard: number;
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  /** Median of its durations. */
  readonly durationUs: number;
  /** How often it fails without anybody's fault; 0 for most. */
  readonly flakeRate: number;
  readonly isSkipped: boolean;
}

/** The catalog of a seed: one test in a hundred is flaky, two in a hundred are skipped. */
export function makeCatalog(seed: number, count: number): CatalogTest[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const file = Math.floor(index / TESTS_PER_FILE);
    const { job, shards } = jobOf(index);
    const scale = job === "e2e" ? 40 : 1;
    const durationUs = Math.exp(Math.log(15_000 * scale) + 1.2 * normal(random));
    const draw = drawOf(seed, index);
    return {
      index,
      job,
      shard: Math.floor(index / 10) % shards,
      suite: `${AREAS[file % AREAS.length]} ${Math.floor(file / AREAS.length)}`,
      file: `test/${AREAS[file % AREAS.length]}/case-${file}.test.ts`,
      name: `handles case ${index % TESTS_PER_FILE} of ${file}`,
      durationUs: Math.round(Math.min(60e6, Math.max(200, durationUs))),
      // From one in two hundred to one in five runs.
      flakeRate: draw < 0.01 ? 0.005 * 40 ** (draw / 0.01) : 0,
      isSkipped: draw > 0.98,
    };
  });
}

function jobOf(index: number): (typeof JOBS)[number] {
  let rest = index % 10;
  for (const job of JOBS) {
    if (rest < job.tenths) return job;
    rest -= job.tenths;
  }
  return JOBS[0];
}

const TESTS_PER_FILE = 50;
const AREAS = ["cart", "checkout", "search", "login", "profile", "orders", "mail", "admin"];
