import type { DomainRoute } from '@banyan/migration/routes/contract';
import { HOMES } from '@banyan/platform/dispatch/routes';
import type { StoredDataHome } from '@banyan/platform/host/data-home.store';
import { table } from './terminal';

const routeColumns = [
  { heading: 'DOMAIN' },
  { heading: 'HOME' },
  { heading: 'SHARE', right: true },
  { heading: 'INSTANCES', right: true },
  { heading: 'REQUESTS', right: true },
  { heading: 'ERRORS', right: true },
  { heading: 'P95', right: true },
  { heading: 'LAST CHANGE' },
];

export function routeTable(routes: readonly DomainRoute[]): string {
  const rows = routes.flatMap(({ domain, homes, last_change }) => {
    // A home without share, traffic or anybody there is not worth a line.
    const shown = HOMES.filter((home) => homes[home].percent > 0 || homes[home].requests > 0 || (homes[home].instances ?? 0) > 0);
    return shown.map((home, index) => {
      const { percent, instances, requests, errors, p95_ms } = homes[home];
      const change = index === 0 && last_change ? `${minute(last_change.at)} ${last_change.by}: ${last_change.reason}` : '';
      const figures = [`${percent}%`, instances === null ? '-' : String(instances), String(requests), String(errors)];
      return [index === 0 ? domain : '', home, ...figures, p95_ms === null ? '-' : `${p95_ms} ms`, printable(change)];
    });
  });
  return table(routeColumns, rows);
}

const dataHomeColumns = [{ heading: 'TABLE SET' }, { heading: 'HOME' }, { heading: 'DECIDED (UTC)' }, { heading: 'BY' }];

/** @param decisions the last one about each table set; undefined without one */
export function dataHomeTable(decisions: Iterable<readonly [string, StoredDataHome | undefined]>): string {
  const rows = [...decisions].map(([name, decision]) => {
    const by = decision ? printable(`${decision.changed_by}: ${decision.reason}`) : 'nobody yet';
    return [name, decision?.home ?? 'none', decision ? minute(decision.changed_at) : '', by];
  });
  return table(dataHomeColumns, rows);
}

/** Of an instant in our form. */
export const minute = (instant: string): string => instant.slice(0, 16).replace('T', ' ');

/** A reason is anybody's text; a terminal would obey control characters in it. */
const printable = (text: string): string => text.replace(/\p{C}+/gu, ' ').slice(0, 120);
