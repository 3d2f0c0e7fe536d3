import { settingEntries, type Setting, type SettingName } from './table';

const head = `# Settings of Banyan. Copy this file to .env and uncomment what you change; the environment goes before the file.
# Everything unset: a working server with everything embedded. \`npx banyan settings\` shows what is in force.
`;

/** Not Banyan's, but of docker-compose.yml, which reads the same file. */
const compose = `# For docker compose only: the passwords of its PostgreSQL servers, of RabbitMQ and of the object store (the last two of letters and digits:
# \`openssl rand -hex 24\`). It also needs JWT_SECRET_KEY and CARRIER_KEY.
#POSTGRES_PASSWORD=
#RABBITMQ_PASSWORD=
#S3_PASSWORD=
`;

/** The text of \`.env.example\`, generated so that it cannot drift from the table: `banyan settings --example > .env.example`. */
export function envExample(): string {
  return [head, ...settingEntries.map(([name, setting]) => entry(name, setting)), compose].join('\n');
}

function entry(name: SettingName, { default: usual, example, meaning, secret }: Setting): string {
  const inWords = typeof usual === 'object' ? usual.inWords : usual;
  const notes = [inWords && `Default: ${inWords}.`, secret === true && 'Secret.'];
  const comment = [`# ${meaning}`, ...notes.filter(Boolean)].join(' ');
  return `${comment}\n#${name}=${example ?? (typeof usual === 'string' ? usual : '')}\n`;
}
