/** What every command works with: the surroundings of the process, the shared options, and the output. */
import type { Readable, Writable } from "node:stream";
import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { createTallyClient, type TallyClient } from "../client/client.js";
import { DEFAULT_URL, readClientOptions } from "../client/environment.js";
import {
  describeError,
  type ExitCode,
  errorJson,
  exitCodeOf,
  exitCodes,
  MissingTokenError,
  UsageError,
} from "./outcome.js";
import { harmless } from "./table.js";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** `isTTY` decides about the progress line. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Calls back at the first Ctrl-C instead of ending the process, until the answer is called. */
  onInterrupt(callback: () => void): () => void;
}

export interface Context {
  readonly surroundings: Surroundings;
  /** Made when it is first asked for: what needs no server needs no token. */
  readonly client: TallyClient;
  /** Empty unless `--project` is given. */
  readonly projectId: string;
  readonly json: boolean;
  /** Prints the answer: as JSON, or in the words of `text`. */
  print<D extends DescMessage>(desc: D, message: MessageShape<D>, text: () => string): void;
  /** Prints an answer that is no message of the contract. */
  printPlain(value: unknown, text: () => string): void;
  /** Says something on standard error, in a line each. What a terminal or a CI system would act on is shown as its code. */
  warn(...lines: readonly string[]): void;
}

/** The options that every command has. */
export function addSharedOptions(command: Command, env: Surroundings["env"]): Command {
  return command
    .option("--url <url>", "address of the server (TALLY_URL)", env["TALLY_URL"] || DEFAULT_URL)
    .option("--token <token>", "token to send (TALLY_TOKEN)")
    .option("--project <id>", "project, for an admin token")
    .option("--json", "print JSON");
}

/** Runs a command with a client of its own, and answers the exit code; failures have then been printed. */
export async function withContext(
  command: Command,
  surroundings: Surroundings,
  run: (context: Context) => Promise<ExitCode>,
): Promise<ExitCode> {
  const options = command.optsWithGlobals<SharedOptions>();
  const json = options.json ?? false;
  const write = (text: string) => void surroundings.stdout.write(`${text}\n`);
  const warn = (...lines: readonly string[]) =>
    void surroundings.stderr.write(`tally: ${lines.map(harmless).join("\n")}\n`);
  const printPlain = (value: unknown, text: () => string) =>
    write(json ? JSON.stringify(value) : text());
  let client: TallyClient | undefined;
  try {
    try {
      return await run({
        surroundings,
        get client() {
          client ??= connect(options, surroundings.env);
          return client;
        },
        projectId: options.project ?? "",
        json,
        print: (desc, message, text) => printPlain(json ? toJson(desc, message) : undefined, text),
        printPlain,
        warn,
      });
    } finally {
      client?.close();
    }
  } catch (error) {
    const code = exitCodeOf(error);
    if (json) write(JSON.stringify(errorJson(error)));
    warn(...describeError(error, options.url));
    if (options.soft !== true || error instanceof UsageError) return code;
    warn("going on all the same, as --soft asks");
    return exitCodes.ok;
  }
}

interface SharedOptions {
  readonly url: string;
  readonly token?: string;
  readonly project?: string;
  readonly json?: boolean;
  readonly soft?: boolean;
}

function connect(options: SharedOptions, env: Surroundings["env"]): TallyClient {
  const token = options.token || env["TALLY_TOKEN"];
  if (!token) throw new MissingTokenError("no token: give --token or set TALLY_TOKEN");
  try {
    return createTallyClient({ ...readClientOptions(env), url: options.url, token });
  } catch (error) {
    throw new UsageError(describeError(error, options.url).join("; "));
  }
}
