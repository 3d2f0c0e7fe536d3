import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics';

/** What must answer before this process takes work; by name, so that one sees what is missing. */
export type Checks = Readonly<Record<string, () => Promise<unknown>>>;

const CHECK_MS = 1_000;

/** `/livez`, `/readyz`, `/metrics`: for whoever runs the process, whatever it serves. */
export function mountProbes(
  server: FastifyInstance,
  { checks, isDraining, metrics }: { checks: () => Checks; isDraining: () => boolean; metrics: Metrics },
): void {
  server.get('/livez', async () => ({ status: 'alive' }));
  server.get('/readyz', async (_request, reply) => {
    const parts = await Promise.all(
      Object.entries(checks()).map(async ([name, check]) => [name, (await answers(check)) ? 'ok' : 'down'] as const),
    );
    const isReady = !isDraining() && parts.every(([, state]) => state === 'ok');
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isDraining() ? 'draining' : isReady ? 'ready' : 'not ready', parts: Object.fromEntries(parts) });
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

async function answers(check: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), CHECK_MS)));
  const answer = check().then(
    () => true,
    () => false,
  );
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
}
