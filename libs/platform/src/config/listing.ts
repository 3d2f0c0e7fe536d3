import { type Environment, merged, onlyGiven, textInForce } from './settings';
import { type Setting, settingEntries, type SettingName } from './table';

export interface SettingLine {
  readonly name: SettingName;
  /** The text in force, secrets masked; null if there is none. */
  readonly value: string | null;
  readonly source: 'environment' | '.env' | 'default' | 'unset';
  readonly meaning: string;
}

/** Every setting with what is in force and where that comes from; wrong values too, so that they can be seen. */
export function listSettings(environment: Environment, file: Environment): SettingLine[] {
  const inEnvironment = onlyGiven(environment);
  const given = merged(environment, file);
  return settingEntries.map(([name, setting]) => {
    const value = textInForce(setting, given, name);
    return { name, value: value === undefined ? null : masked(setting, value), source: sourceOf(), meaning: setting.meaning };

    function sourceOf(): SettingLine['source'] {
      if (inEnvironment[name] !== undefined) return 'environment';
      if (given[name] !== undefined) return '.env';
      return value === undefined ? 'unset' : 'default';
    }
  });
}

function masked({ secret }: Setting, value: string): string {
  if (!secret) return value;
  if (secret === true || !URL.canParse(value)) return '***';
  const { protocol, username, password, host, pathname, search } = new URL(value);
  return `${protocol}//${username || password ? '***@' : ''}${host}${pathname}${search && '?***'}`;
}
