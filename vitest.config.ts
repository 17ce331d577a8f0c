import { defineConfig, type ViteUserConfig } from "vitest/config";

/** What measures times, or loads the machine for a minute: one file at a time, after all others. */
const alone = [
  "test/auth/under-attack.test.ts",
  "test/bounds/idle-connections.test.ts",
  "test/db/outages.test.ts",
  "test/faults/mix.test.ts",
  "test/ingest/fairness.test.ts",
];

export default defineConfig({
  test: {
    ...(await ownRun()),
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...alone, "test/fixtures/**"],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});

/** What examples/own-run.ts asks for: both reports. Tests do not see the variable. */
async function ownRun(): Promise<NonNullable<ViteUserConfig["test"]>> {
  const given = process.env["OWN_RUN"];
  if (given === undefined) return {};
  delete process.env["OWN_RUN"];
  const { report, reporter } = JSON.parse(given);
  const { default: TallyReporter } = await import(
    `${import.meta.dirname}/dist/src/reporters/vitest.js`
  );
  return {
    reporters: ["default", ["json", { outputFile: report }], new TallyReporter(reporter)],
  };
}
