import { defineConfig, type ViteUserConfig } from "vitest/config";

/** What measures times, or loads the machine for long: one file at a time, after all others. */
const alone = [
  "test/auth/revocation.test.ts",
  "test/auth/under-attack.test.ts",
  "test/bounds/idle-connections.test.ts",
  "test/db/outages.test.ts",
  "test/faults/mix.test.ts",
  "test/ingest/fairness.test.ts",
];

/** What counts the memory or the sockets of its own process, which other files must not have used. */
const fresh = ["test/db/network.test.ts", "test/formats/junit.test.ts"];
const workers = { maxWorkers: 3, sequence: { groupOrder: 0 } };

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
          exclude: [...alone, ...fresh, "test/fixtures/**"],
          // Modules are loaded once a worker: for each file that took a second.
          isolate: false,
          ...workers,
        },
      },
      { extends: true, test: { name: "fresh", include: fresh, ...workers } },
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
