import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface ComposeService {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export const composeText = readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8');

/**
 * The compose file as `docker compose config` shows it: anchors merged, variables replaced.
 *
 * @throws Error with the file's own words when a variable is missing that it demands
 */
export function readCompose(variables: Readonly<Record<string, string>>): ComposeFile {
  return replaced(parse(composeText, { merge: true }), variables) as ComposeFile;
}

function replaced(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, variables);
  if (Array.isArray(value)) return value.map((item) => replaced(item, variables));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replaced(inner, variables)]));
}

/** `$$`, `${NAME:-default}` and `${NAME:?words}`: what the file uses; anything else it would mean by `$` is refused. */
function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\{(\w+):([-?])([^}]*)\}|)/g, (found, escaped: string, name: string, kind: string, rest: string) => {
    if (escaped === '$') return '$';
    if (escaped === '') throw new Error(`"${text}" has a $ that is neither $$ nor a variable with a default`);
    const value = variables[name];
    if (value) return value;
    if (kind === '?') throw new Error(rest);
    return rest;
  });
}
