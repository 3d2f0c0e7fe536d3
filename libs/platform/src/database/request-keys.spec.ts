import { createHash, randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { hashBody, once, sweepRequestKeys, type KeyedRequest } from './request-keys';
import { sql } from './sql';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase({ setup: ['CREATE TABLE effects (id uuid)'] });
});
afterAll(() => test.drop());
beforeEach(() => test.admin('TRUNCATE effects'));

const request = (more: Partial<KeyedRequest> = {}): KeyedRequest => ({
  userId: randomUUID(),
  key: 'k1',
  operation: 'thing.make',
  body: { b: 1, a: [1, { d: 2, c: 3 }] },
  ttlMs: 60_000,
  ...more,
});
const make = (keyed: KeyedRequest) =>
  test.database.transaction((tx) =>
    once(tx, keyed, async () => {
      const id = randomUUID();
      await tx.query(sql`INSERT INTO effects VALUES (${id})`);
      return { id, at: '2026-01-30T12:57:45.421392Z' };
    }),
  );
const effects = async () => (await test.admin('SELECT FROM effects')).length;

it('has one effect and one answer, however many ask at once', async () => {
  const keyed = request();
  const answers = await Promise.all(Array.from({ length: 50 }, () => make(keyed)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await make(keyed)).toEqual(answers[0]);
  expect(await effects()).toBe(1);
});

it('keeps the keys of users apart', async () => {
  await Promise.all([make(request()), make(request())]);
  expect(await effects()).toBe(2);
});

it('refuses a key that was used for something else', async () => {
  const keyed = request();
  await make(keyed);
  await make({ ...keyed, body: { a: [1, { c: 3, d: 2 }], b: 1 } });
  await expect(make({ ...keyed, body: { b: 2 } })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  await expect(make({ ...keyed, operation: 'thing.break' })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  expect(await effects()).toBe(1);
});

it('does not keep a failure: the next one is the first', async () => {
  const keyed = request();
  let failFirst: ((error: Error) => void) | undefined;
  const hold = new Promise<never>((_, reject) => (failFirst = reject));
  let isInside: (() => void) | undefined;
  const inside = new Promise<void>((resolve) => (isInside = resolve));
  const first = test.database.transaction((tx) =>
    once(tx, keyed, () => {
      isInside?.();
      return hold;
    }),
  );
  await inside;
  const repeat = make(keyed);
  failFirst?.(new Error('not now'));
  await expect(first).rejects.toThrow('not now');
  await expect(repeat).resolves.toMatchObject({ at: '2026-01-30T12:57:45.421392Z' });
  expect(await effects()).toBe(1);
});

it('keeps an empty answer and one with a NUL', async () => {
  for (const answer of [undefined, null, 0, { text: 'a\0b' }]) {
    const keyed = request();
    const ask = () => test.database.transaction((tx) => once(tx, keyed, () => Promise.resolve(answer)));
    await ask();
    expect(await ask()).toEqual(answer ?? null);
  }
});

it('forgets an expired key', async () => {
  const [expired, kept] = [request({ ttlMs: -1 }), request()];
  await Promise.all([make(expired), make(kept)]);
  await make({ ...expired, body: 'another', ttlMs: -1 });
  expect(await effects()).toBe(3);
  expect(await sweepRequestKeys(test.database)).toBe(1);
  await make(kept);
  expect(await effects()).toBe(3);
});

it('hashes equal values equally', () => {
  expect(hashBody({ a: 1, b: { c: 2, d: 3 } })).toBe(hashBody({ b: { d: 3, c: 2 }, a: 1 }));
  expect(hashBody([1, 2])).not.toBe(hashBody([2, 1]));
  expect(hashBody({ a: undefined })).toBe(hashBody({}));
  expect(hashBody({ toJSON: 1, b: { 10: 1, 9: 2 } })).toBe(hashBody({ b: { 9: 2, 10: 1 }, toJSON: 1 }));
  const strange = { b: [1, undefined, { d: 'é"\n', c: null }], a: undefined, 'x\n"': 1.5, at: new Date(0), deep: { z: {}, y: [] } };
  const text = '{"at":"1970-01-01T00:00:00.000Z","b":[1,null,{"c":null,"d":"é\\"\\n"}],"deep":{"y":[],"z":{}},"x\\n\\"":1.5}';
  expect(hashBody(strange)).toBe(createHash('sha256').update(text).digest('base64url'));
  expect(new Set([undefined, null, {}, [], '', 0].map(hashBody)).size).toBe(6);
});
