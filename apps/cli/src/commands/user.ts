import { makeAdmin } from '@banyan/auth/roles';
import { normaliseEmail } from '@banyan/platform/contract';
import { Argument, Command } from 'commander';
import { settingsHere, withDomainDatabase } from '../databases';
import { print, printJson } from '../terminal';

/** `banyan user make-admin ada@example.com`: the first admin, whom nobody else can make. */
export function userCommand(): Command {
  const command = new Command('user').description('look after accounts');
  command
    .command('make-admin')
    .description('give an account the role admin; sign-ins that exist have it within a second')
    .addArgument(new Argument('<email>', 'the address of the account'))
    .option('--json', 'as JSON: {user_id, changed}')
    .action(async (text: string, { json }: { json?: true }, self: Command) => {
      const email = normaliseEmail(text);
      if (email === undefined) self.error(`error: ${JSON.stringify(text)} is not an e-mail address`, { exitCode: 2 });
      const made = await withDomainDatabase(settingsHere(), 'auth', (database) => makeAdmin(database, email));
      if (!made) throw new Error(`Nobody is registered with ${email}.`);
      if (json) return printJson({ user_id: made.userId, changed: made.isNew });
      print(`${email} is ${made.isNew ? 'now' : 'already'} an admin.\n`);
    });
  return command;
}
