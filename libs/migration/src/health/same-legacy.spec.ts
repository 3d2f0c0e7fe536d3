import type { Settings } from '@banyan/platform/config/table';
import type { InstanceReport } from '@banyan/platform/host/instance.store';
import { checkSameLegacy, databasePlace } from './same-legacy';

const here = { LEGACY_URL: 'http://m:1', LEGACY_DATABASE_URL: 'postgres://owner:hunter2@d/chat' } as Settings;
const host = (legacy_url: string | null, legacy_database: string | null, is_live = true) =>
  ({ kind: 'host', url: 'http://h', is_live, legacy_url, legacy_database }) as InstanceReport;
const found = (settings: Settings, process: InstanceReport) =>
  checkSameLegacy({ settings, processes: [process] }).map(({ what, state }) => `${state} ${what}`);

it('a database is named without its login', () => {
  expect(databasePlace('postgres://owner:hunter2@d/chat')).toBe('d:5432/chat');
  expect(databasePlace('postgres://owner:hunter2@[::1]:5433/chat?x=y')).toBe('[::1]:5433/chat');
});

it('what every process has as here is no line, and neither is one that is gone', () => {
  expect(found(here, host('http://m:1', 'd:5432/chat'))).toEqual([]);
  expect(found({} as Settings, host(null, null))).toEqual([]);
  expect(found(here, host(null, null, false))).toEqual([]);
});

it('of a worker too: its sockets would have none at the monolith', () => {
  const worker = { ...host(null, 'd:5432/chat'), kind: 'worker' as const };
  expect(found(here, worker)).toEqual(['broken LEGACY_URL of the worker at http://h']);
});

it('one that lacks it is broken; another one, or one that only it has, is to be looked at', () => {
  expect(found(here, host(null, null))).toEqual([
    'broken LEGACY_URL of the host at http://h',
    'broken LEGACY_DATABASE_URL of the host at http://h',
  ]);
  expect(found(here, host('http://n:1', 'd:5432/chat'))).toEqual(['attention LEGACY_URL of the host at http://h']);
  expect(found({} as Settings, host('http://m:1', null))).toEqual(['attention LEGACY_URL of the host at http://h']);
});
