import { Command, CommanderError } from 'commander';
import { dataCommand } from './commands/data';
import { doctorCommand } from './commands/doctor';
import { eventsCommand } from './commands/events';
import { legacyCommand } from './commands/legacy';
import { mailCommand } from './commands/mail';
import { mediaCommand } from './commands/media';
import { routeCommand } from './commands/route';
import { settingsCommand } from './commands/settings';
import { statusCommand } from './commands/status';
import { userCommand } from './commands/user';
import { exitCode, NeedsAttention } from './exit';

/** One line for each command; each is a file in `commands/`. */
const commands = [
  statusCommand,
  doctorCommand,
  routeCommand,
  dataCommand,
  legacyCommand,
  eventsCommand,
  mailCommand,
  mediaCommand,
  userCommand,
  settingsCommand,
];

/**
 * Run `banyan` with what follows its name. Results go to standard output, everything else to standard error.
 *
 * @returns 0 if it did what was asked, 1 if that failed, 2 if it was asked wrongly, 3 if it found something to look at
 */
export async function main(args: readonly string[], version: string): Promise<number> {
  const program = new Command('banyan')
    .description('Look at and steer a Banyan server.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('(banyan --help lists the commands)')
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 asked wrongly, 3 done and something needs attention.')
    .exitOverride();
  for (const command of commands) program.addCommand(inheriting(command(), program));
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return exitCode.usage;
    }
    await program.parseAsync(args, { from: 'user' });
    return exitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    console.error(error instanceof Error ? error.message : error); // not the whole: drivers hang parameters on their errors
    return error instanceof NeedsAttention ? exitCode.attention : exitCode.failed;
  }
}

/** Commands inside commands speak and end in the same way. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const inner of command.commands) inheriting(inner, command);
  return command;
}
