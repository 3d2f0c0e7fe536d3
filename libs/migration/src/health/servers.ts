import { serverFault } from '@banyan/platform/database/server-fault';
import { redisVersion } from '@banyan/platform/keyvalue/redis-version';
import { brokerVersion } from '@banyan/platform/rabbitmq/broker-version';
import { type LegacyReport, preparedState } from '../prepare/check';
import { look } from './look';
import { type Finding, probeLegacy } from '../proxy/legacy-probe';
import { broken, type Check, ok } from './check';
import { type DatabasePlace, databasePlaces, LEGACY_DATABASE, type Sight } from './sight';

export interface Servers {
  readonly checks: readonly Check[];
  /** Of the legacy database; undefined if it is not named or does not answer. */
  readonly prepared: Preparation | undefined;
}

/** Whether everything is there that the settings name: databases, broker, Redis, the monolith. What they do not name is no line. */
export async function checkServers(sight: Sight): Promise<Servers> {
  const { AMQP_URL, REDIS_URL, LEGACY_URL } = sight.settings;
  let prepared: Preparation | undefined;
  const checks = await Promise.all([
    ...databasePlaces(sight).map((place) => checkDatabase(place, (found) => (prepared = found))),
    ...(AMQP_URL ? [answers('RabbitMQ', 'AMQP_URL', brokerVersion(AMQP_URL))] : []),
    ...(REDIS_URL ? [answers('Redis', 'REDIS_URL', redisVersion(REDIS_URL))] : []),
    ...(LEGACY_URL ? [checkMonolith(LEGACY_URL, sight.secret)] : []),
  ]);
  return { checks, prepared };
}

type Preparation = LegacyReport['prepared'];
const IN_WORDS: Readonly<Record<Preparation, string>> = { no: 'not prepared', older: 'prepared by another version', yes: 'prepared' };

async function checkDatabase({ name, url }: DatabasePlace, learn: (prepared: Preparation) => void): Promise<Check> {
  try {
    return await look(url, async (client) => {
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
      const version = `PostgreSQL ${rows[0]!.server_version.split(' ')[0]}`;
      if (name !== LEGACY_DATABASE) return ok(name, version);
      const prepared = await preparedState(client);
      learn(prepared);
      return ok(name, `${version}, ${IN_WORDS[prepared]}`);
    });
  } catch (error) {
    return broken(name, serverFault(error, url));
  }
}

async function answers(what: string, setting: string, version: Promise<string>): Promise<Check> {
  try {
    return ok(what, await version);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return broken(what, `It cannot be used (${code ?? message.split('\n')[0]}): start it, or correct ${setting}.`);
  }
}

const MONOLITH = 'monolith';

async function checkMonolith(url: string, secret: string | undefined): Promise<Check> {
  // With any secret it can be told that it is there; whether ours is its own, only with ours.
  return judge(await probeLegacy(url, secret ?? 'of nobody'), secret !== undefined);
}

function judge(finding: Finding, isOurs: boolean): Check {
  if (finding === 'silent') return broken(MONOLITH, 'Nobody answers at LEGACY_URL: start the monolith, or correct LEGACY_URL.');
  if (finding === 'strange') return broken(MONOLITH, 'What answers at LEGACY_URL is not the monolith: correct LEGACY_URL.');
  if (!isOurs) return ok(MONOLITH, 'answers');
  if (finding === 'alike') return ok(MONOLITH, 'answers, and takes the tokens that are signed here');
  return broken(MONOLITH, 'It does not take the tokens that are signed here: give both sides the same JWT_SECRET_KEY.');
}
