import { keys } from '@banyan/auth/contract';
import type { Output } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { FastifyInstance } from 'fastify';

/** Shorter than a key is published before it signs. */
const MAX_AGE_SECONDS = 60;

/** The public keys of access tokens, where others look for them (RFC 8615, RFC 7517). */
export function mountJwks(server: FastifyInstance, dispatcher: Dispatcher): void {
  server.get('/.well-known/jwks.json', async (_request, reply) => {
    const call = { actor: { kind: 'anonymous' }, key: 'jwks' } as const;
    const published = (await dispatcher.callFromEdge(keys, {}, call)) as Output<typeof keys>;
    return reply.header('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`).send({ keys: published.keys });
  });
}
