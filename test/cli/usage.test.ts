import { describe, expect, it } from "vitest";
import { readmeSection } from "../house/readme.js";
import { runCli } from "./run-cli.js";

/** Nothing listens on the discard port. */
const env = { TALLY_URL: "http://127.0.0.1:9", TALLY_TOKEN: "t" };

describe("tally without a server", () => {
  it.each([
    [[], "Usage: tally"],
    [["fly"], "unknown command 'fly'"],
    [["upload"], "missing required argument 'files'"],
    [["upload", "--shard", "3/2", "a.xml"], "Give a shard as 1/4 to 4/4."],
    [["upload", "--label", "novalue", "a.xml"], "Give key=value."],
    [["upload", "-", "a.xml"], "cannot be uploaded together"],
    [
      ["run", "record", "--run-id", "r", "--status", "green", "--duration-ms", "1"],
      "passed, failed",
    ],
    [
      ["run", "record", "--run-id", "r", "--status", "passed", "--duration-ms", "-1"],
      "milliseconds",
    ],
    [["run", "record", "--run-id", "r"], "required option '--status"],
    [
      [
        "run",
        "record",
        "--run-id",
        "r",
        "--status",
        "passed",
        "--duration-ms",
        "1",
        "--at",
        "monday",
      ],
      "2026-01-12T10:00:00Z",
    ],
    [["token", "create", "--name", "n", "--scope", "ingest,fly"], "ingest, read, manage"],
    [["events", "send"], "missing required argument 'file'"],
    [["events", "send", "--format", "xml", "a"], "json, ndjson"],
    [["events", "list", "--state", "failed"], "queued, processed"],
    [["events", "list", "--from", "yesterday"], "2026-01-12T10:00:00Z"],
    [["events", "list", "--warned", "--unwarned"], "cannot be used with"],
    [["events", "retry"], "give rejection ids, or --all"],
    [["events", "retry", "--all", "f00"], "give rejection ids, or --all"],
    [["events", "retry", "--client", "a", "f00"], "--client goes with --all"],
    [["events", "export", "--format", "csv", "--json"], "exclude each other"],
    [["stats", "events"], "required option '--client"],
    [["runs", "list", "--url", "localhost:8080"], "expected http://host:port"],
  ])("exits 2 for %j", async (args, message) => {
    const { code, stderr } = await runCli(args, { env });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it("shows on standard error what a terminal or a CI system would act on as its code", async () => {
    const { code, stderr } = await runCli(["upload", "a\n::add-mask::\u001b[2J.xml"], { env });
    expect(stderr).toContain("a<000a>::add-mask::<001b>[2J.xml");
    expect(stderr.match(/\n/g)).toHaveLength(1);
    expect(code).not.toBe(0);
  });

  it("exits 0 for help, and tells the exit codes", async () => {
    const { code, stdout } = await runCli(["--help"], { env });
    expect(code).toBe(0);
    expect(stdout).toContain("3 no server answered");
  });

  it.each([
    "tests",
    "failures",
    "stats project",
    "stats events",
    "events send",
    "rejections dismiss",
  ])("tells no default of %s that says nothing", async (command) => {
    const { code, stdout } = await runCli([...command.split(" "), "--help"], { env });
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/default:\s+(""|\{\})/);
  });

  it("knows every command that the README shows for events", async () => {
    const lines = (await readmeSection("Events on the command line")).split("\n");
    const commands = lines.flatMap((line) => /^tally ([^<>]+)/.exec(line)?.slice(1) ?? []);
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      const { code, stderr } = await runCli(command.trim().split(" "), { env, input: "{}" });
      expect(code, `${command}: ${stderr}`).toBeOneOf([1, 3]);
    }
  });

  it("says that there is no token", async () => {
    const { code, stderr } = await runCli(["runs", "list"], { env: { TALLY_URL: env.TALLY_URL } });
    expect(code).toBe(2);
    expect(stderr).toContain("no token: give --token or set TALLY_TOKEN");
  });

  it.each([
    [["upload", "test/fixtures/reports/junit/pytest-repeats.xml"]],
    [["spool", "send"]],
    [["summary", "r"]],
    [["run", "record", "--run-id", "r", "--status", "passed", "--duration-ms", "1"]],
  ])("exits 0 with --soft where there is no token: %j", async (args) => {
    const { code, stderr } = await runCli([...args, "--soft"], { env: {} });
    expect(stderr).toContain("no token: give --token or set TALLY_TOKEN");
    expect(stderr).toContain("going on all the same, as --soft asks");
    expect(code).toBe(0);
  });

  it("exits 2 with --soft where the command line makes no sense", async () => {
    const args = ["summary", "r", "--soft", "--upload", "no-such-file.json"];
    expect((await runCli(args, { env })).code).toBe(2);
  });

  it("exits 3 when no server answers, and prints the error as JSON too", async () => {
    const { code, stdout, stderr } = await runCli(["runs", "list", "--json"], { env });
    expect(code).toBe(3);
    expect(stderr).toContain("no answer from http://127.0.0.1:9");
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "UNAVAILABLE" } });
  });

  it("exits 0 with --soft when no server answers", async () => {
    const args = ["run", "record", "--run-id", "r", "--status", "passed", "--duration-ms", "1"];
    expect((await runCli(args, { env })).code).toBe(3);
    const { code, stderr } = await runCli([...args, "--soft"], { env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/no answer from \S+: connect ECONNREFUSED 127\.0\.0\.1:\d+\n/);
  });

  it("reports a file that cannot be read without asking the server", async () => {
    const { code, stderr } = await runCli(["upload", "no-such-file.xml"], { env });
    expect(code).toBe(1);
    expect(stderr).toContain("no-such-file.xml: ENOENT");
  });

  it("reports events that cannot be read without asking the server", async () => {
    const { code, stdout, stderr } = await runCli(["events", "send", "no-such-file.json"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tally: no-such-file.json: ENOENT.*\n$/);
    expect(stdout).toMatch(/^0 events/);
  });

  it("exits 3 when no server takes the events", async () => {
    const args = ["events", "send", "-"];
    const { code, stdout, stderr } = await runCli(args, { env, input: "{}" });
    expect(code).toBe(3);
    expect(stdout).toBe("");
    expect(stderr).toContain("no answer from");
  });
});
