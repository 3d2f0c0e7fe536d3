import { Command, CommanderError } from 'commander';
import { settingsCommand } from './commands/settings';

/** What scripts may rely on. */
export const exitCode = { ok: 0, failed: 1, usage: 2 } as const;

/** One line for each command; each is a file in `commands/`. */
const commands = [settingsCommand];

/**
 * Run `banyan` with what follows its name. Results go to standard output, everything else to standard error.
 *
 * @returns 0 if it did what was asked, 1 if that failed, 2 if it was asked wrongly
 */
export async function main(args: readonly string[], version: string): Promise<number> {
  const program = new Command('banyan')
    .description('Look at and steer a Banyan server.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('(banyan --help lists the commands)')
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 asked wrongly.')
    .exitOverride();
  for (const command of commands) program.addCommand(command().copyInheritedSettings(program));
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
    return exitCode.failed;
  }
}
