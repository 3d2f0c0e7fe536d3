import { type DomainName, domainNames, isInLegacy } from '@banyan/domains';
import { type Variant, variants } from '@banyan/migration/prepare/kinds';
import { caseHooks } from '../legacy-app/hooks';
import { withClient } from '../support/database';
import { Deployment } from '../support/deployment';
import { register } from '../support/people';
import { playCases } from './play-cases';
import { servedCases } from './sections';

jest.setTimeout(300_000);

const cases = servedCases;
const movable = domainNames.filter(isInLegacy);
const isFull = process.env['TEST_MATRIX'] === 'all';
/** What new code has of each domain; the rest is the monolith's. */
const SHARES = [0, 0.3, 0.5, 0.7, 1];
const ALONE = isFull ? [0.3, 0.5, 0.7, 1] : [0.5];

/** With TEST_MATRIX=all each of these on each deployment; otherwise each on one. */
const mixes = movable.flatMap((domain) => ALONE.map((ours) => [ours, domain] as const));

/** Some users at the monolith, some at new code, the same user here for one domain and there for another: all on the monolith's database. */
describe.each<[string, Variant, Readonly<Partial<Record<DomainName, number>>>, { alone?: boolean; rest?: boolean }]>([
  ...variants.map((variant): [string, Variant, object, object] => [`a host (${variant})`, variant, {}, { alone: variant === 'text' }]),
  ['a host and a service of each domain', 'text', Object.fromEntries(domainNames.map((domain) => [domain, 1])), { rest: true }],
])('the recorded cases in front of the stand-in, on %s', (_name, variant, workers, { alone: playsAlone, rest: playsRest }) => {
  let deployment: Deployment | undefined;
  const remote = Object.keys(workers).length > 0 ? 0.5 : 0;

  beforeAll(async () => {
    deployment = await Deployment.start({ workers, legacy: { variant } });
    if (variant === 'bytea') await fixMediaTable(deployment);
  });

  afterAll(() => deployment?.remove());

  async function failures(share: (domain: DomainName) => number): Promise<string[]> {
    let version = 0;
    for (const domain of movable) {
      const ours = share(domain);
      version = await deployment!.route(domain, { legacy: 1 - ours, remote: ours * remote });
    }
    await deployment!.followed(version);
    const shares = movable.map(share);
    const judgement = { legacy: shares.every((ours) => ours === 0), either: shares.some((ours) => ours !== shares[0] || ours % 1 !== 0) };
    const outcomes = await playCases(deployment!.url, cases, { ...judgement, hooks: caseHooks(deployment!.databaseUrl('auth_db')) });
    expect(outcomes).toHaveLength(cases.length);
    return cases.flatMap(({ name }, i) => (isRight(name, outcomes[i]!) ? [] : [`${name}: ${outcomes[i]}`]));
  }

  it.each(SHARES)('with %d of every domain at new code', async (ours) => {
    expect(await failures(() => ours)).toEqual([]);
  });

  if (playsAlone || isFull)
    it.each(mixes)('with %d of %s alone at new code', async (ours, alone) => {
      expect(await failures((domain) => (domain === alone ? ours : 0))).toEqual([]);
    });

  if (playsRest || isFull)
    it.each(movable)('with all at new code but for half of %s', async (alone) => {
      expect(await failures((domain) => (domain === alone ? 0.5 : 1))).toEqual([]);
    });
});

/** Alice has a contact that Bob could not remove, as new code refused him; legacy then tells whoever invites the contact in her name. */
function isRight(name: string, outcome: string): boolean {
  return outcome === 'ok' || (name === 'invite in the name of another' && /^status 400, .* is already your contact/.test(outcome));
}

/** Uploads work in a database of the migration files only after this. */
async function fixMediaTable(deployment: Deployment): Promise<void> {
  const admin = await register(deployment.legacy.url, 'admin');
  await withClient(deployment.databaseUrl('auth_db'), (client) =>
    client.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]),
  );
  await admin.get(`/admin/fix-media-table/${admin.id}`).expect(200);
}
