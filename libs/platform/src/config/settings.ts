import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { checkTogether } from './rules';
import { StartupError } from './startup-error';
import { type Given, type Setting, settingEntries, type SettingName, type Settings } from './table';

/** What a program was started with: `process.env`, or a part of it. An empty text counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The file `.env` in `folder`, or nothing. The environment itself goes before it: `loadSettings(merged(process.env, dotEnv()))`. */
export function dotEnv(folder = process.cwd()): Environment {
  try {
    return parseEnv(readFileSync(join(folder, '.env'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new StartupError(`The file .env should be readable by this user (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/**
 * Read and check every setting, once, at start.
 *
 * @throws StartupError for the first setting that is wrong, with its name and what it should be, and without its value if that is secret
 */
export function loadSettings(environment: Environment): Settings {
  const given = onlyGiven(environment);
  const values = settingEntries.map(([name, setting]) => [name, read(name, setting, textInForce(setting, given, name))]);
  const settings = Object.fromEntries(values) as Settings;
  checkTogether(settings);
  return Object.freeze(settings);
}

/** What is set in `environment`, else in `file`. An empty text counts as unset in both. */
export function merged(environment: Environment, file: Environment): Given {
  return { ...onlyGiven(file), ...onlyGiven(environment) };
}

/** The settings that `environment` says something about; names that are not ours are left out. */
export function onlyGiven(environment: Environment): Given {
  const names = settingEntries.map(([name]) => name).filter((name) => environment[name]?.trim());
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? '']));
}

/** What is in force for a setting, as a text: given, or its default; undefined if there is neither. */
export function textInForce(setting: Setting, given: Given, name: SettingName): string | undefined {
  const { default: usual, completed = (text) => text } = setting;
  const text = given[name];
  if (text !== undefined) return completed(text, given);
  return typeof usual === 'object' ? usual.from(given) : usual;
}

function read(name: SettingName, { schema, secret }: Setting, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  const should = result.error.issues[0]?.message;
  throw new StartupError(
    secret ? `${name} should be ${should}.` : `${name} should be ${should}; it is ${JSON.stringify(shortened(text))}.`,
  );
}

const shortened = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
