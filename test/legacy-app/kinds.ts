import { NoEmail, normaliseEmail } from './email';

/** One entry of a 422 answer's `detail`; `loc` without `body`, `query` or `path` in front. */
export interface Fault {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: object;
}

export type Read<T> = { readonly value: T } | { readonly faults: readonly Fault[] };

/** What a field takes, converting and complaining as Pydantic 2.10 does in its lax mode. */
export interface Kind<T> {
  read(input: unknown): Read<T>;
  /** Taken when the field is not there; without it the field is required. */
  readonly absent?: { readonly value: T };
}

export type Fields = Readonly<Record<string, Kind<unknown>>>;
export type Values<F> = { readonly [Name in keyof F]: F[Name] extends Kind<infer T> ? T : never };

const fault = (type: string, msg: string, input: unknown, ctx?: object): { faults: Fault[] } => ({
  faults: [{ type, loc: [], msg, input, ...(ctx && { ctx }) }],
});

export function text({ min = 0, max = Infinity } = {}): Kind<string> {
  const characters = (count: number) => `${count} character${count === 1 ? '' : 's'}`;
  return {
    read(input) {
      if (typeof input !== 'string') return fault('string_type', 'Input should be a valid string', input);
      if (!input.isWellFormed()) throw new Error('surrogates not allowed'); // legacy fails to encode its own answer
      const { length } = [...input];
      if (length < min) return fault('string_too_short', `String should have at least ${characters(min)}`, input, { min_length: min });
      if (length > max) return fault('string_too_long', `String should have at most ${characters(max)}`, input, { max_length: max });
      return { value: input };
    },
  };
}

export const email: Kind<string> = {
  read(input) {
    const read = text().read(input);
    if ('faults' in read) return read;
    try {
      return { value: normaliseEmail(read.value) };
    } catch (error) {
      if (!(error instanceof NoEmail)) throw error;
      return fault('value_error', `value is not a valid email address: ${error.message}`, input, { reason: error.message });
    }
  },
};

export const uuid: Kind<string> = {
  read(input) {
    if (typeof input !== 'string') return fault('uuid_type', 'UUID input should be a string, bytes or UUID object', input);
    const id = parseUuid(input);
    if (id !== undefined) return { value: id };
    const error = uuidError(input);
    return fault('uuid_parsing', `Input should be a valid UUID, ${error}`, input, { error });
  },
};

/** Capitals, no dashes, braces and `urn:uuid:` are all taken, as Python's and Pydantic's parsers do. */
export function parseUuid(typed: string): string | undefined {
  const hex = /^(?:urn:uuid:)?\{?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\}?$/i.exec(typed)?.[1];
  return hex
    ?.replaceAll('-', '')
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function uuidError(input: string): string {
  const at = [...input].findIndex((char) => !/[0-9a-fA-F-]/.test(char));
  if (at >= 0) {
    return `invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-fA-F-], found \`${[...input][at]}\` at ${at + 1}`;
  }
  const groups = input.split('-');
  if (groups.length === 1) return `invalid length: expected length 32 for simple format, found ${input.length}`;
  if (groups.length !== 5) return `invalid group count: expected 5, found ${groups.length}`;
  const lengths = [8, 4, 4, 4, 12];
  const wrong = groups.findIndex((group, i) => group.length !== lengths[i]);
  return `invalid group length in group ${wrong}: expected ${lengths[wrong]}, found ${groups[wrong]!.length}`;
}

export const integer: Kind<number> = {
  read(input) {
    if (typeof input === 'boolean') return { value: Number(input) };
    if (typeof input === 'number') {
      if (Number.isInteger(input)) return { value: input };
      return fault('int_from_float', 'Input should be a valid integer, got a number with a fractional part', input);
    }
    if (typeof input !== 'string') return fault('int_type', 'Input should be a valid integer', input);
    if (/^\s*[-+]?\d+(_\d+)*(\.0*)?\s*$/.test(input)) return { value: Number(input.replaceAll('_', '')) };
    return fault('int_parsing', 'Input should be a valid integer, unable to parse string as an integer', input);
  },
};

const YES = ['1', 'true', 't', 'on', 'yes', 'y'];
const NO = ['0', 'false', 'f', 'off', 'no', 'n'];

export const boolean: Kind<boolean> = {
  read(input) {
    if (typeof input === 'boolean') return { value: input };
    if (typeof input !== 'string' && typeof input !== 'number') return fault('bool_type', 'Input should be a valid boolean', input);
    const word = String(input).toLowerCase();
    if (YES.includes(word) || NO.includes(word)) return { value: YES.includes(word) };
    return fault('bool_parsing', 'Input should be a valid boolean, unable to interpret input', input);
  },
};

export type Dictionary = Readonly<Record<string, unknown>>;

export const isDictionary = (input: unknown): input is Dictionary => typeof input === 'object' && input !== null && !Array.isArray(input);

export const dictionary: Kind<Dictionary> = {
  read: (input) => (isDictionary(input) ? { value: input } : fault('dict_type', 'Input should be a valid dictionary', input)),
};

export function list<T>(of: Kind<T>): Kind<readonly T[]> {
  return {
    read(input) {
      if (!Array.isArray(input)) return fault('list_type', 'Input should be a valid list', input);
      const reads = input.map((element: unknown) => of.read(element));
      const faults = reads.flatMap((read, i) => ('faults' in read ? below(i, read.faults) : []));
      return faults.length > 0 ? { faults } : { value: reads.flatMap((read) => ('value' in read ? [read.value] : [])) };
    },
  };
}

/** May be left out. */
export function withDefault<T>(kind: Kind<T>, value: T): Kind<T> {
  return { read: (input) => kind.read(input), absent: { value } };
}

/** May be left out or null. */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return { read: (input) => (input === null ? { value: null } : kind.read(input)), absent: { value: null } };
}

/** An object with these keys; others are ignored. */
export function model<F extends Fields>(fields: F): Kind<Values<F>> {
  return {
    read(input) {
      if (!isDictionary(input)) {
        return fault('model_attributes_type', 'Input should be a valid dictionary or object to extract fields from', input);
      }
      return readFields(fields, (name) => (Object.hasOwn(input, name) ? input[name] : undefined), input);
    },
  };
}

/** All faults together, in the order of the fields. `whole` is what a missing field is missing from. */
export function readFields<F extends Fields>(fields: F, get: (name: string) => unknown, whole: unknown): Read<Values<F>> {
  const faults: Fault[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(fields)) {
    const given = get(name);
    const read = given === undefined ? (kind.absent ?? missing(whole)) : kind.read(given);
    if ('faults' in read) faults.push(...below(name, read.faults));
    else values[name] = read.value;
  }
  return faults.length > 0 ? { faults } : { value: values as Values<F> };
}

export const missing = (input: unknown) => fault('missing', 'Field required', input);

export const below = (place: string | number, faults: readonly Fault[]): Fault[] =>
  faults.map((one) => ({ ...one, loc: [place, ...one.loc] }));
