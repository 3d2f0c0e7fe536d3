import { envExample } from '@banyan/platform/config/env-example';
import { listSettings, type SettingLine } from '@banyan/platform/config/listing';
import { dotEnv, loadSettings, merged } from '@banyan/platform/config/settings';
import { Command } from 'commander';

/** `banyan settings`: what this environment and `.env` in this folder would start a server with. Fails if it would not start. */
export function settingsCommand(): Command {
  return new Command('settings')
    .description('show every setting: the value in force and where it comes from; secrets are masked')
    .option('--json', 'as JSON: [{name, value, source, meaning}]')
    .option('--example', 'the text of .env.example instead')
    .action(({ example, json }: { example?: boolean; json?: boolean }) => {
      if (example) return void process.stdout.write(envExample());
      const file = dotEnv();
      const lines = listSettings(process.env, file);
      process.stdout.write(json ? `${JSON.stringify(lines, null, 2)}\n` : table(lines));
      loadSettings(merged(process.env, file)); // says what is wrong, if something is
    });
}

function table(lines: readonly SettingLine[]): string {
  const width = (of: (line: SettingLine) => string) => Math.max(...lines.map((line) => of(line).length));
  const [nameWidth, sourceWidth] = [width(({ name }) => name), width(({ source }) => source)];
  return lines
    .map(({ name, source, value, meaning }) => {
      return `${name.padEnd(nameWidth)}  ${source.padEnd(sourceWidth)}  ${value ?? '-'}\n${' '.repeat(nameWidth + 2)}${meaning}\n`;
    })
    .join('');
}
