import { z } from 'zod';
import { command, contract, del, get, type Operation, pathParameters, post, query } from './operation';

const none = z.object({});
const ask = (more: object = {}) => query({ summary: 'Ask.', access: 'user', input: none, output: none, ...more });

/** As a caller without a type checker would write it, or one with a cast. */
const without = (field: 'access' | 'repeatable') => {
  const { [field]: _, ...rest } = command({ summary: 'Do.', access: 'user', repeatable: 'yes', input: none, output: none });
  return rest as unknown as Operation;
};

describe('a contract', () => {
  it('names its operations after itself', () => {
    const { operations } = contract('relay', { send: ask(), pending: ask() });
    expect(Object.values(operations).map(({ name, domain }) => [name, domain])).toEqual([
      ['relay.send', 'relay'],
      ['relay.pending', 'relay'],
    ]);
  });

  it('refuses an operation that does not say who may call it', () => {
    expect(() => contract('relay', { send: without('access') })).toThrow('relay.send: says nothing about access');
    expect(() => contract('relay', { send: ask({ access: 'anybody' }) })).toThrow('relay.send: says nothing about access');
  });

  it('refuses an operation that does not say what a repeat does', () => {
    expect(() => contract('relay', { send: without('repeatable') })).toThrow('relay.send: says nothing about repeatable');
  });

  it('refuses a route to what is internal', () => {
    expect(() => contract('relay', { sweep: ask({ access: 'internal', http: get('/relay/sweep') }) })).toThrow(
      'relay.sweep: an internal operation has no route',
    );
  });

  it('refuses a path that names what the input lacks', () => {
    expect(() => contract('user', { find: ask({ http: get('/users/{user_id}') }) })).toThrow(
      'user.find: the path /users/{user_id} names user_id',
    );
  });

  it('refuses one operation under two names', () => {
    const send = ask();
    contract('relay', { send });
    expect(() => contract('message', { send })).toThrow('message.send: this operation is already relay.send');
  });
});

it('arguments come from where each method usually has them, unless the contract says otherwise', () => {
  expect([get, post, del].map((method) => method('/x').argumentsIn)).toEqual(['query', 'body', 'query']);
  expect(post('/x', { argumentsIn: 'query' })).toEqual({ method: 'POST', path: '/x', argumentsIn: 'query' });
});

it('parameters of a path, in order', () => {
  expect(pathParameters('/a/{b}/c/{d_e}')).toEqual(['b', 'd_e']);
  expect(pathParameters('/a')).toEqual([]);
});
