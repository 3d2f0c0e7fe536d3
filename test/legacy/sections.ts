import allCases from './cases.json';

/** One line of cases.json, as far as it says where it belongs; the format is that of CONTRACT section 17. */
interface Case {
  readonly name: string;
  readonly path?: string;
  readonly hook?: string;
  readonly requires?: readonly string[];
  readonly steps?: readonly unknown[];
}

type Belongs = (recorded: Case) => boolean;

const below =
  (...prefixes: readonly string[]): Belongs =>
  ({ path }) =>
    path !== undefined && prefixes.some((prefix) => path.startsWith(prefix));
const needs =
  (hook: string): Belongs =>
  (recorded) =>
    recorded.hook === hook || (recorded.requires ?? []).includes(hook);

/** The sections of the legacy contract. A case belongs to the first that takes it. */
const sections = {
  socketsWithGroups: ({ steps }) => steps !== undefined && /\/groups|group_message|\/media\//.test(JSON.stringify(steps)),
  sockets: ({ steps }) => steps !== undefined,
  invitations: (recorded) => needs('invite_token')(recorded) || below('/api/v1/invitations/')(recorded),
  admin: (recorded) => needs('promote_admin')(recorded) || below('/api/v1/admin/')(recorded),
  service: ({ path = '' }) => path === '/' || path === '/health' || path === '/api/v1/nope',
  auth: below('/api/v1/auth/'),
  users: below('/api/v1/users/'),
  contacts: below('/api/v1/contacts'),
  messages: below('/api/v1/messages/'),
  relay: below('/api/v1/relay/'),
  groups: below('/api/v1/groups'),
  media: below('/api/v1/media/', '{{f'), // {{f1.file_url}}: a link that an upload answered
} as const satisfies Record<string, Belongs>;

type Section = keyof typeof sections;

/** What Banyan answers by now: all cases of these must pass. A section joins by being listed. */
const served: readonly Section[] = [
  'service',
  'auth',
  'users',
  'contacts',
  'invitations',
  'admin',
  'messages',
  'relay',
  'groups',
  'media',
  'sockets',
  'socketsWithGroups',
];

function sectionOf(recorded: Case): Section | undefined {
  return (Object.keys(sections) as Section[]).find((name) => sections[name](recorded));
}

/** Cases that no section takes; there should be none, or they would never run. */
export const homelessCases = (allCases as readonly Case[]).filter((recorded) => sectionOf(recorded) === undefined);

/** In the order of the file: later cases use what earlier ones saved. */
export const servedCases = (allCases as readonly Case[]).filter((recorded) => served.includes(sectionOf(recorded)!));
