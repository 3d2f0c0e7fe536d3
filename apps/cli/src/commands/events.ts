import { type DomainName, domainNames } from '@banyan/domains';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { settingsHere } from '../databases';
import { withDeadLetters } from '../dead-letters';
import { print, printJson, table } from '../terminal';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `banyan events dead`: what could not be handled. `banyan events replay`: let it be tried again. */
export function eventsCommand(): Command {
  return new Command('events')
    .description('list events that a subscriber could not handle, and let them be tried again')
    .helpCommand(false)
    .addCommand(deadCommand())
    .addCommand(replayCommand());
}

function deadCommand(): Command {
  return new Command('dead')
    .description('events that failed in all their attempts, the oldest first')
    .addArgument(new Argument('[domain]', 'whose subscribers; all by default').choices(domainNames))
    .option('--limit <count>', 'at most so many for each domain', count, 100)
    .option('--json', 'as JSON: [{domain, event_id, event_name, subscription, attempts, error, failed_at}]')
    .action(async (domain: DomainName | undefined, { limit, json }: { limit: number; json?: true }) => {
      const letters = await withDeadLetters(settingsHere(), async (lettersOf) => {
        const found = [];
        for (const of of domain ? [domain] : domainNames)
          found.push(...(await lettersOf(of).list(limit)).map((letter) => ({ domain: of, ...letter })));
        return found;
      });
      if (json) return printJson(letters);
      if (letters.length === 0) return print('No event is dead.\n');
      print(
        table(
          [
            { heading: 'DOMAIN' },
            { heading: 'EVENT' },
            { heading: 'ID' },
            { heading: 'SUBSCRIPTION' },
            { heading: 'ATTEMPTS', right: true },
            { heading: 'FAILED (UTC)' },
            { heading: 'ERROR' },
          ],
          letters.map((letter) => [
            letter.domain,
            letter.event_name,
            letter.event_id,
            letter.subscription,
            String(letter.attempts),
            letter.failed_at.slice(0, 19).replace('T', ' '),
            letter.error,
          ]),
        ),
      );
    });
}

function replayCommand(): Command {
  return new Command('replay')
    .description('try dead events again, from their first attempt, within a second')
    .addArgument(new Argument('<domain>', 'whose subscribers').choices(domainNames))
    .addArgument(new Argument('<event>', 'the id of one event, or `all`').argParser(eventId))
    .option('--json', 'as JSON: {replayed}')
    .action(async (domain: DomainName, event: string, { json }: { json?: true }) => {
      const replayed = await withDeadLetters(settingsHere(), (lettersOf) => lettersOf(domain).replay(event));
      if (json) printJson({ replayed });
      else print(replayed === 1 ? '1 event is tried again.\n' : `${replayed} events are tried again.\n`);
      if (replayed === 0 && event !== 'all') throw new Error(`${domain} has no dead event ${event}.`);
    });
}

function eventId(text: string): string {
  if (text === 'all' || UUID.test(text)) return text;
  throw new InvalidArgumentError('It should be the id of an event, or `all`.');
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 10_000) return value;
  throw new InvalidArgumentError('It should be a number from 1 to 10000.');
}
