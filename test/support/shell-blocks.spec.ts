import { missingLine, shellBlocks } from './shell-blocks';

it('finds commands, how they end, and what they print', () => {
  const page = [
    '# A page',
    '```sh exit=3',
    'banyan doctor',
    '```',
    'words',
    '```text',
    'ok  host_db',
    '',
    '…',
    '```',
    '```ini',
    'PORT=1',
    '```',
    '',
  ];
  expect(shellBlocks(page.join('\n'))).toEqual([{ line: 3, commands: 'banyan doctor\n', exitCode: 3, printed: ['ok  host_db', '…'] }]);
});

describe('what was printed', () => {
  const printed = 'DOMAIN   SHARE\nrelay      10%  2026-11-22 19:39 cli root@vm: canary\n5 of 5 arrived\nAll is well.';

  it.each([[['relay  10%  2027-01-01 00:00 cli ada@laptop: canary', 'All is well.']], [['relay …', '…', 'All is well.']], [[]]])(
    'is what the page says, whatever the other numbers: %j',
    (lines) => expect(missingLine(printed, lines)).toBeUndefined(),
  );

  it.each([
    [['All is well.', 'relay …'], 'relay …'],
    [['relay 10% 2026-11-22 19:39 cli root@vm: another reason'], 'relay 10% 2026-11-22 19:39 cli root@vm: another reason'],
    [['relay  20%  …'], 'relay  20%  …'],
    [['All is lost.'], 'All is lost.'],
    [['All is'], 'All is'],
  ])('is not what the page says: %j', (lines, missing) => expect(missingLine(printed, lines)).toBe(missing));
});
