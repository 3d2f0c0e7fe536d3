import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Legacy's settings by their own names, and what only tests set (`LEGACY_…`). */
export interface Settings {
  /** `DATABASE_URL`; the driver that SQLAlchemy wants in the scheme (`postgresql+asyncpg:`) is ignored. */
  readonly databaseUrl: string;
  readonly poolSize: number;
  /** `JWT_SECRET_KEY`, of HS256. */
  readonly secret: string;
  readonly tokenMinutes: number;
  readonly environment: string;
  /** `PORT`, else `SERVER_PORT`; 0 takes a free one. */
  readonly port: number;
  readonly frontendUrl: string;
  /** `uploads` in the working directory; in production a temporary folder, so that files are lost with the process. */
  readonly uploads: string;
  /** `LEGACY_STARTUP_MS`: nothing listens before. */
  readonly startupMs: number;
  /** `LEGACY_BCRYPT_COST`: legacy's 12 takes a fifth of a second. */
  readonly bcryptCost: number;
  /** `LEGACY_CONTROL_PORT`: where a test switches faults on (`control.ts`); 0 takes a free one, none by default. */
  readonly controlPort: number | undefined;
  /** `LEGACY_FAIL_MESSAGE_WRITES`: rows of `messages` cannot be written from the start. */
  readonly failsMessageWrites: boolean;
}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  if (!env.DATABASE_URL) throw new Error('DATABASE_URL is not set');
  const environment = env.ENVIRONMENT ?? 'development';
  return {
    databaseUrl: env.DATABASE_URL.replace(/^postgres(ql)?\+\w+:/, 'postgresql:'),
    poolSize: Number(env.DATABASE_POOL_SIZE ?? 20),
    secret: env.JWT_SECRET_KEY ?? 'a-well-known-default-secret-of-legacy',
    tokenMinutes: Number(env.ACCESS_TOKEN_EXPIRE_MINUTES ?? 1440),
    environment,
    port: Number(env.PORT ?? env.SERVER_PORT ?? 8000),
    frontendUrl: env.FRONTEND_URL ?? 'http://localhost:5173',
    uploads: uploadFolder(environment),
    startupMs: Number(env.LEGACY_STARTUP_MS ?? 2000),
    bcryptCost: Number(env.LEGACY_BCRYPT_COST ?? 12),
    controlPort: env.LEGACY_CONTROL_PORT === undefined ? undefined : Number(env.LEGACY_CONTROL_PORT),
    failsMessageWrites: Boolean(env.LEGACY_FAIL_MESSAGE_WRITES),
  };
}

function uploadFolder(environment: string): string {
  if (environment === 'production') return mkdtempSync(join(tmpdir(), 'legacy-uploads-'));
  const folder = resolve('uploads');
  mkdirSync(folder, { recursive: true });
  return folder;
}
