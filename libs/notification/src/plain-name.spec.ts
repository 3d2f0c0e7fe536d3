import { plainName } from './plain-name';

it.each([
  ['Ada Lovelace', 'Ada Lovelace'],
  ['José Ñandú 李小龍', 'José Ñandú 李小龍'],
  ['J.R.R. Tolkien', 'J.R.R. Tolkien'],
  ['  a\r\n\tb\u2028c\0d ', 'a b c d'],
  ['Free money at https://evil.example/x', 'Free money at https: evil. example/x'],
  ['www.evil.example', 'www. evil. example'],
  ['\u202Eevil\u200B', 'evil'],
  ['x'.repeat(61), `${'x'.repeat(60)}…`],
  ['', 'Somebody'],
  ['\u200B \n', 'Somebody'],
  ['\uD800', '\uFFFD'],
])('%j is shown as %j', (name, shown) => expect(plainName(name)).toBe(shown));
