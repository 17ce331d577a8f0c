/** The command line `tally`. */
import { Command, CommanderError } from "commander";
import { readVersion } from "../version.js";
import type { Act } from "./act.js";
import { addCompareCommand } from "./compare.js";
import { addSharedOptions, type Surroundings, withContext } from "./context.js";
import { addEventCommands } from "./events.js";
import { addExportCommand } from "./export.js";
import { addFailuresCommand } from "./failures.js";
import { addFlakyCommand } from "./flaky.js";
import { type ExitCode, exitCodes } from "./outcome.js";
import { addRejectionCommands } from "./rejections.js";
import { addRunCommands } from "./runs.js";
import { addSpoolCommands } from "./spool.js";
import { addStatsCommands } from "./stats.js";
import { addSummaryCommand } from "./summary.js";
import { addTenancyCommands } from "./tenancy.js";
import { addTestCommands } from "./tests.js";
import { addUploadCommand } from "./upload.js";

/** Runs one command line, without the names of the programs, and answers its exit code. */
export async function runProgram(
  args: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const act: Act =
    (run) =>
    async (...given) => {
      const command = given.at(-1);
      if (!(command instanceof Command))
        throw new TypeError("an action is called with its command");
      exitCode = await withContext(command, surroundings, (context) =>
        run(context, command.args, command.opts() as never),
      );
    };
  const program = addSharedOptions(new Command("tally"), surroundings.env)
    .version(readVersion())
    .description("Sends test results and events to a Tally server and asks it about them.")
    .configureOutput({
      writeOut: (text) => void surroundings.stdout.write(text),
      writeErr: (text) => void surroundings.stderr.write(text),
    })
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 something was refused or a file is damaged, 2 usage, 3 no server answered.",
    )
    .exitOverride();
  addTenancyCommands(program, act);
  addRunCommands(program, act);
  addUploadCommand(program, act);
  addExportCommand(program, act);
  addEventCommands(program, act);
  addRejectionCommands(program, act);
  addSpoolCommands(program, act, surroundings.env);
  addStatsCommands(program, act);
  addTestCommands(program, act);
  addFlakyCommand(program, act);
  addFailuresCommand(program, act);
  addCompareCommand(program, act);
  addSummaryCommand(program, act);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed its message; help that was asked for is no error.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return exitCode;
}
