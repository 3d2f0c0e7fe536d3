import { databaseUrl, neededDatabases, settingOf, usesOwnServers } from './databases';
import type { Given, Settings } from './table';
import { StartupError } from './startup-error';

/** Their links lead to where clients reach the host, which a process that serves no client cannot guess. */
const MAKERS_OF_LINKS = ['auth', 'user', 'notification'];

/** What must hold between settings. Each fault is one sentence. */
export function checkTogether(settings: Settings, given: Given): void {
  const {
    AMQP_URL,
    CARRIER_KEY,
    DATABASE_URL,
    JWT_SECRET_KEY,
    LEGACY_URL,
    MAIL_FROM,
    REDIS_URL,
    ROUTES,
    S3_ACCESS_KEY,
    S3_ENDPOINT,
    S3_SECRET_KEY,
    SERVE,
    SMTP_URL,
  } = settings;
  const ownServers = usesOwnServers(settings);
  const missing = neededDatabases(settings).find((name) => databaseUrl(settings, name) === undefined);
  const routed = (home: 'remote' | 'legacy') => Object.entries(ROUTES).find(([, weights]) => weights[home] > 0)?.[0];

  if (ownServers && missing) {
    throw new StartupError(`${settingOf(missing)} is missing: set DATABASE_URL, or an address for every database.`);
  }
  if (AMQP_URL !== undefined && (!ownServers || REDIS_URL === undefined)) {
    const needed = [!ownServers && 'DATABASE_URL', REDIS_URL === undefined && 'REDIS_URL'].filter(Boolean).join(' and ');
    throw new StartupError(`AMQP_URL needs ${needed} beside it: otherwise several processes would share nothing.`);
  }
  if (AMQP_URL !== undefined && CARRIER_KEY === undefined) {
    throw new StartupError(
      'CARRIER_KEY is missing: with AMQP_URL every process must sign its calls with the same one (`openssl rand -base64 48`).',
    );
  }
  if (AMQP_URL === undefined && routed('remote')) {
    throw new StartupError(`ROUTES sends a part of ${routed('remote')} to remote, which needs AMQP_URL.`);
  }
  if (S3_ENDPOINT !== undefined && (S3_ACCESS_KEY === undefined || S3_SECRET_KEY === undefined)) {
    throw new StartupError(`${S3_ACCESS_KEY === undefined ? 'S3_ACCESS_KEY' : 'S3_SECRET_KEY'} is missing: S3_ENDPOINT needs both keys.`);
  }
  if (S3_ENDPOINT === undefined && !SERVE.edge && SERVE.domains.includes('media')) {
    throw new StartupError(
      'S3_ENDPOINT is missing: a process that serves media alone does not see the folder into which a host puts uploads.',
    );
  }
  if (SMTP_URL !== undefined && MAIL_FROM.address.endsWith('@localhost')) {
    throw new StartupError(
      'MAIL_FROM is missing: with SMTP_URL mail needs a sender that people can tell, such as `Example Chat <noreply@chat.example>`.',
    );
  }
  if (LEGACY_URL === undefined && routed('legacy')) {
    throw new StartupError(`ROUTES sends a part of ${routed('legacy')} to legacy, which needs LEGACY_URL.`);
  }
  if (AMQP_URL === undefined && !(SERVE.edge && SERVE.domains.length > 0)) {
    throw new StartupError('SERVE should be all unless AMQP_URL is set: a part of the program cannot reach the others without it.');
  }
  const maker = SERVE.edge ? undefined : SERVE.domains.find((domain) => MAKERS_OF_LINKS.includes(domain));
  if (maker && given.PUBLIC_URL === undefined) {
    throw new StartupError(
      `PUBLIC_URL is missing: links that ${maker} makes for mails lead to the host, whose address it is not told otherwise.`,
    );
  }
  if (ownServers && JWT_SECRET_KEY === undefined) {
    const why = DATABASE_URL === undefined ? 'a database address' : 'DATABASE_URL';
    throw new StartupError(
      `JWT_SECRET_KEY is missing: with ${why} every process must sign with the same one (\`openssl rand -base64 48\`).`,
    );
  }
}
