import { broken, type Check } from '@banyan/migration/health/check';
import { examine } from '@banyan/migration/health/doctor';
import { StartupError } from '@banyan/platform/config/startup-error';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { Command } from 'commander';
import { settingsHere, withHostDatabase } from '../databases';
import { NeedsAttention } from '../exit';
import { see, type Seen, sightAlone } from '../sight';
import { print, printJson } from '../terminal';

/** `banyan doctor`: whether everything fits together that the settings name, and what to do where it does not. Changes nothing. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check settings, servers, secrets, clocks, rights and contradictions (exit status 3 if one is not ok); changes nothing')
    .option('--json', 'as JSON: [{what, state: ok|attention|broken, sentence}]')
    .action(async ({ json }: { json?: true }) => {
      const checks = await examineHere();
      if (json) printJson(checks);
      else print(describe(checks));
      const { length } = checks.filter(({ state }) => state !== 'ok');
      if (length > 0) throw new NeedsAttention(length === 1 ? '1 check is not ok.' : `${length} checks are not ok.`);
    });
}

async function examineHere(): Promise<Check[]> {
  let alone;
  try {
    alone = await sightAlone(settingsHere());
  } catch (error) {
    if (error instanceof StartupError) return [broken('settings', error.message)]; // nothing else can be told
    throw error;
  }
  let seen: Seen | undefined;
  let away: Check[] = [];
  try {
    seen = await withHostDatabase(alone.settings, (host) => see(alone, host));
  } catch (error) {
    if (!(error instanceof StartupError) && !(error instanceof DatabaseUnavailable)) throw error;
    // Where its address is known, the check of the servers says it.
    if (!alone.reach.ownUrl('host_db') || error instanceof DatabaseUnavailable) away = [broken('host_db', error.message)];
  }
  return [...away, ...(await examine(seen?.sight ?? alone, seen?.state))];
}

function describe(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ what }) => what.length));
  return checks.map(({ state, what, sentence }) => `${state.padEnd(9)}  ${what.padEnd(width)}  – ${sentence}\n`).join('');
}
