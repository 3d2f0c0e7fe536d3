import type { Contract, HttpBinding, Operation } from '../contract';

export const API_PREFIX = '/api/v1';

export interface Route {
  readonly operation: Operation;
  readonly binding: HttpBinding;
  /** With the prefix, e.g. `/api/v1/users/{user_id}`. */
  readonly path: string;
}

/** Every route of the contracts. Two operations on one method and path stop the start. */
export function routesOf(contracts: readonly Contract[]): Route[] {
  const taken = new Map<string, string>();
  const routes: Route[] = [];
  for (const contract of contracts) {
    for (const operation of Object.values(contract.operations)) {
      for (const binding of operation.http) {
        const path = API_PREFIX + binding.path;
        const place = `${binding.method} ${path.replace(/\{\w+\}/g, '{}')}`;
        const other = taken.get(place);
        if (other) throw new Error(`${operation.name} and ${other} are both at ${place}`);
        taken.set(place, operation.name);
        routes.push({ operation, binding, path });
      }
    }
  }
  return routes;
}

/** What is known about paths that no handler took: which methods they have, and whether they exist with the other trailing slash. */
export class KnownPaths {
  private readonly known: { readonly pattern: RegExp; readonly method: string; readonly operation?: Operation }[];

  constructor(paths: readonly { readonly method: string; readonly path: string; readonly operation?: Operation }[]) {
    this.known = paths.map(({ method, path, operation }) => ({
      method,
      operation,
      pattern: new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`),
    }));
  }

  /** The methods that this very path answers to. */
  methods(path: string): string[] {
    return [...new Set(this.known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
  }

  operation(path: string, method: string): Operation | undefined {
    return this.known.find((known) => known.method === method && known.pattern.test(path))?.operation;
  }

  /** The path with or without its trailing slash, if only that form exists. */
  otherForm(path: string): string | undefined {
    const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
    return other !== '' && this.methods(other).length > 0 ? other : undefined;
  }
}

/** A request target without the server that it names, if it is absolute (RFC 9112, section 3.2.2): it is for us, whatever it says. */
export function originForm(target: string): string {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * The path of a request target as servers read it that decode everything before they look for a route: `%2F` is a slash to them, and
 * what stands before the path in an absolute target is nothing.
 */
export function decodedPath(target: string): string {
  const [path = ''] = originForm(target).split(/[?#]/, 1);
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}
