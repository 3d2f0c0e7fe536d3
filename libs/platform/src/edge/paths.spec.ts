import { z } from 'zod';
import { contract, del, get, type HttpBinding, query } from '../contract';
import { decodedPath, KnownPaths, routesOf } from './paths';

const input = z.object({ id: z.string(), other: z.string() });
const at = (...http: HttpBinding[]) => query({ summary: 'x', access: 'user', http, input, output: z.object({}) });

describe('routes', () => {
  it('are made from the contracts, below the prefix, one for each binding', () => {
    const routes = routesOf([contract('a', { list: at(get('/a'), get('/a/')), one: at(get('/a/{id}')) }), contract('b', { inner: at() })]);
    expect(routes.map(({ operation, path }) => [operation.name, path])).toEqual([
      ['a.list', '/api/v1/a'],
      ['a.list', '/api/v1/a/'],
      ['a.one', '/api/v1/a/{id}'],
    ]);
  });

  it('of two operations at one place stop the start, whatever their parameters are called', () => {
    expect(() => routesOf([contract('a', { one: at(get('/x/{id}')) }), contract('b', { two: at(get('/x/{other}')) })])).toThrow(
      'b.two and a.one are both at GET /api/v1/x/{}',
    );
    expect(() => routesOf([contract('c', { one: at(get('/x/{id}')), two: at(del('/x/{id}')) })])).not.toThrow();
  });
});

describe('known paths', () => {
  const known = new KnownPaths([
    { method: 'GET', path: '/a/{id}' },
    { method: 'PUT', path: '/a/{id}' },
    { method: 'GET', path: '/list/' },
    { method: 'GET', path: '/a.b(c)' },
    { method: 'GET', path: '/' },
  ]);

  it('know their methods', () => {
    expect(known.methods('/a/1')).toEqual(['GET', 'PUT']);
    expect(known.methods('/a/1/2')).toEqual([]);
    expect(known.methods('/a/')).toEqual([]);
    expect(known.methods('/a.b(c)')).toEqual(['GET']);
    expect(known.methods('/aXb(c)')).toEqual([]);
  });

  it('know their other form, if only that exists', () => {
    expect(known.otherForm('/a/1/')).toBe('/a/1');
    expect(known.otherForm('/list')).toBe('/list/');
    expect(known.otherForm('/nope')).toBeUndefined();
    expect(known.otherForm('/')).toBeUndefined();
  });
});

it.each([
  ['/api/v1/users/x?y#z', '/api/v1/users/x'],
  ['/api/v1%2Fusers%2fx', '/api/v1/users/x'],
  ['/%61pi/v1/users/%C3%A4', '/api/v1/users/ä'],
  ['/%2561/%zz/%', '/%61/%zz/%'],
  ['HTTP://host:80/api/v1/users/x', '/api/v1/users/x'],
  ['x-y://host/a%2Fb#c?d', '/a/b'],
  ['http://host', '/'],
  ['//a', '//a'],
])('decoded once, %s is the path %s', (target, path) => expect(decodedPath(target)).toBe(path));
