import type { z } from 'zod';
import { address, anyText, mailbox, oneOf, origin, origins, proxies, wholeNumber } from './readers';
import { rateLimits, usualRateLimits } from './rate-limits';
import { socketLimits, usualSocketLimits } from './socket-limits';
import { routes, routesTo, serve } from './routes';
import { signingSecret } from './signing-secret';
import { tokenKeys, usualTokenKeys } from './token-keys';

/** What the environment says, empty texts left out. */
export type Given = Readonly<Record<string, string>>;

export interface Setting {
  /** One sentence for the person who runs Banyan. */
  readonly meaning: string;
  readonly schema: z.ZodType<unknown, string>;
  /** What the settings beside it add to a text that was given. */
  readonly completed?: (text: string, given: Given) => string;
  /** A text that `schema` reads; or, where it depends on other settings, how it follows from them and that in words. */
  readonly default?: string | { readonly from: (given: Given) => string; readonly inWords: string };
  readonly example?: string;
  /** `url`: shown without its credentials and query. `true`: never shown. */
  readonly secret?: true | 'url';
}

const database = (of: string) => ({
  meaning: `The PostgreSQL database of ${of}; overrides DATABASE_URL for it.`,
  schema: address('postgres', 'postgresql'),
  secret: 'url' as const,
});

/** Every setting, in the order in which they are shown. A later feature adds a line here and nowhere else. */
export const settingsTable = {
  PORT: { meaning: 'The port HTTP is served on; 0 takes a free one.', schema: wholeNumber(0, 65_535), default: '8000' },
  BIND: {
    meaning:
      'The address HTTP is served on: 127.0.0.1 for this machine only, 0.0.0.0 for everybody who can reach it (containers need that).',
    schema: anyText,
    default: '127.0.0.1',
  },
  PUBLIC_URL: {
    meaning: 'Where clients reach this server.',
    schema: origin,
    default: { from: ({ PORT = '8000' }) => `http://localhost:${PORT}`, inWords: 'http://localhost:PORT' },
    example: 'https://chat.example',
  },
  DATA_DIR: { meaning: 'The folder of everything embedded: database, generated secret.', schema: anyText, default: '.data' },
  SERVE: {
    meaning: 'What this process is: all (the host), edge (HTTP and sockets only), or a list of domains (a worker).',
    schema: serve,
    default: 'all',
    example: 'message,relay',
  },
  JWT_SECRET_KEY: {
    meaning: 'Signs the access tokens (HS256). With an embedded database it is made once and kept in DATA_DIR.',
    schema: signingSecret,
    secret: true,
  },
  ACCESS_TOKEN_EXPIRE_MINUTES: { meaning: 'How long an access token is good.', schema: wholeNumber(1, 525_600), default: '1440' },
  REFRESH_TOKEN_EXPIRE_DAYS: { meaning: 'After how many days without use a session ends.', schema: wholeNumber(1, 3_650), default: '30' },
  TOKEN_ALGORITHM: {
    meaning: 'HS256 as long as the monolith reads the access tokens; then ES256, whose public keys are at /.well-known/jwks.json.',
    schema: oneOf('HS256', 'ES256'),
    default: 'HS256',
  },
  TOKEN_KEYS: {
    meaning: 'With ES256: how long a key signs, and how long it is published before it does.',
    schema: tokenKeys,
    default: usualTokenKeys,
    example: 'sign=7d publish=1h',
  },
  DATABASE_URL: {
    meaning: 'One PostgreSQL server with a database for each domain; its path is replaced by their names. Unset: the embedded one.',
    schema: address('postgres', 'postgresql'),
    example: 'postgres://banyan@localhost:5432',
    secret: 'url',
  },
  AUTH_DATABASE_URL: { ...database('auth'), example: 'postgres://banyan@localhost:5432/auth_db' },
  USER_DATABASE_URL: { ...database('user'), example: 'postgres://banyan@localhost:5433/user_db' },
  MESSAGE_DATABASE_URL: { ...database('message'), example: 'postgres://banyan@localhost:5434/message_db' },
  GROUP_DATABASE_URL: { ...database('group'), example: 'postgres://banyan@localhost:5435/group_db' },
  MEDIA_DATABASE_URL: { ...database('media'), example: 'postgres://banyan@localhost:5436/media_db' },
  NOTIFICATION_DATABASE_URL: { ...database('notification'), example: 'postgres://banyan@localhost:5437/notification_db' },
  HOST_DATABASE_URL: { ...database('routes and instances'), example: 'postgres://banyan@localhost:5438/host_db' },
  REDIS_URL: {
    meaning: 'Redis for presence, rate limits and the index of the relay. Unset: kept in the process.',
    schema: address('redis', 'rediss'),
    example: 'redis://localhost:6379',
    secret: 'url',
  },
  AMQP_URL: {
    meaning: 'RabbitMQ for events and remote calls. Unset: both stay in the process.',
    schema: address('amqp', 'amqps'),
    example: 'amqp://localhost:5672',
    secret: 'url',
  },
  CARRIER_KEY: { meaning: 'Signs who calls, between processes; the same in each of them.', schema: signingSecret, secret: true },
  S3_ENDPOINT: {
    meaning: 'The object store. Unset: a folder in DATA_DIR.',
    schema: origin,
    example: 'http://localhost:9000',
  },
  S3_PUBLIC_ENDPOINT: {
    meaning: 'Where clients reach the object store, if elsewhere.',
    schema: origin,
    example: 'https://media.example',
  },
  S3_BUCKET: { meaning: 'The bucket of media.', schema: anyText, default: 'banyan-media' },
  S3_REGION: { meaning: 'The region of the object store.', schema: anyText, default: 'us-east-1' },
  S3_ACCESS_KEY: { meaning: 'The access key of the object store.', schema: anyText, secret: true },
  S3_SECRET_KEY: { meaning: 'The secret key of the object store.', schema: anyText, secret: true },
  UPLOAD_LIMIT_MB: { meaning: 'The largest file that may be uploaded, in mebibytes.', schema: wholeNumber(1, 5_000), default: '50' },
  UPLOAD_QUOTA_MB: {
    meaning: 'What the uploads of one user may take up together, in mebibytes.',
    schema: wholeNumber(1, 100_000_000),
    default: '5000',
  },
  UPLOAD_UNLINKED_HOURS: {
    meaning: 'After how many hours an upload that no message refers to is removed.',
    schema: wholeNumber(1, 87_600),
    default: '24',
  },
  LEGACY_UPLOADS_DIR: {
    meaning: "The monolith's folder of uploads: what is there is served too, and as long as it keeps the data, ours are put there as well.",
    schema: anyText,
    example: '/srv/legacy/uploads',
  },
  SMTP_URL: {
    meaning:
      'The mail server; smtps:// speaks TLS from the start, smtp:// as soon as the server offers it. Unset: mail is written to DATA_DIR/mail.',
    schema: address('smtp', 'smtps'),
    example: 'smtps://user:password@mail.example:465',
    secret: 'url',
  },
  MAIL_FROM: {
    meaning: 'Whom mail comes from; the name is also what mails call this service. Needed beside SMTP_URL.',
    schema: mailbox,
    default: 'Banyan <banyan@localhost>',
    example: 'Example Chat <noreply@chat.example>',
  },
  FRONTEND_URL: {
    meaning: 'Where the web client is served, if elsewhere; it may call this server.',
    schema: origin,
    example: 'https://chat.example',
  },
  FRONTEND_DIR: { meaning: 'The folder of a built web client, to serve it on the same origin.', schema: anyText, example: 'frontend/dist' },
  CORS_ORIGINS: {
    meaning: 'Whose pages may call this server from a browser; `none` for nobody.',
    schema: origins,
    default: { from: usualOrigins, inWords: 'FRONTEND_URL; without it local development servers if the database is embedded, else none' },
    example: 'https://chat.example https://beta.chat.example',
  },
  TRUSTED_PROXIES: {
    meaning: 'Whose X-Forwarded-* headers are believed: addresses, ranges, `loopback`. Unset: nobody.',
    schema: proxies,
    default: '',
    example: 'loopback 10.0.0.0/8',
  },
  RATE_LIMITS: {
    meaning: 'Calls allowed per address, per user, and of what guessing and floods aim at (docs/adr/0041); `off` for no limit.',
    schema: rateLimits,
    default: usualRateLimits,
    example: 'login=10/1m',
  },
  SOCKET_LIMITS: {
    meaning: 'Sockets that may be open in one host: of everybody, per address, per user.',
    schema: socketLimits,
    default: usualSocketLimits,
    example: 'address=20000',
  },
  ROUTES: {
    meaning: 'Where each domain is served at first, in shares of remote, local and legacy.',
    schema: routes,
    default: { from: usualRoutes, inWords: 'everything at legacy if LEGACY_URL is set, else local; also for domains that are not named' },
    completed: (text, given) => [text, usualRoutes(given, text)].filter(Boolean).join(' '),
    example: 'relay=local:90%,remote:10%',
  },
  LEGACY_URL: {
    meaning: 'The monolith that is being replaced: what is routed to legacy, and every path unknown here, goes there.',
    schema: origin,
    example: 'http://localhost:8001',
  },
  LEGACY_DATABASE_URL: {
    meaning: 'The database of the monolith, by its owner’s login: new code can work on it (banyan legacy, banyan data).',
    schema: address('postgres', 'postgresql'),
    example: 'postgres://legacy@localhost:5439/legacy',
    secret: 'url',
  },
  LOG_LEVEL: {
    meaning: 'The least severe log lines that are written.',
    schema: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
  },
} as const satisfies Record<string, Setting>;

/** Vite's and Create React App's development servers: harmless where the data is a developer's own, a hole where it is not. */
function usualOrigins(given: Given): string {
  if (given.FRONTEND_URL !== undefined) return given.FRONTEND_URL;
  const embedded = !Object.keys(given).some((name) => name.endsWith('DATABASE_URL'));
  return embedded ? 'http://localhost:5173 http://127.0.0.1:5173 http://localhost:3000 http://127.0.0.1:3000' : 'none';
}

/** In front of a monolith nothing moves until somebody moves it. */
function usualRoutes({ LEGACY_URL }: Given, named = ''): string {
  return LEGACY_URL === undefined ? '' : routesTo('legacy', named);
}

type Table = typeof settingsTable;

export type SettingName = keyof Table;

/** Every setting, read; under its own name, so that a search finds each reader. One without a default may be undefined. */
export type Settings = {
  readonly [Name in SettingName]: Table[Name] extends { readonly default: unknown }
    ? z.output<Table[Name]['schema']>
    : z.output<Table[Name]['schema']> | undefined;
};

export const settingEntries = Object.entries(settingsTable) as [SettingName, Setting][];
