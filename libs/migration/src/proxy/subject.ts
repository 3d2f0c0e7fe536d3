import type { Operation } from '@banyan/platform/contract';
import { stickySubject } from '@banyan/platform/dispatch/routes';
import { readEarly } from '@banyan/platform/edge/early-body';
import type { Credentials } from '@banyan/platform/edge/credentials';
import type { TokenVerifier } from '@banyan/platform/tokens/verifier';
import type { FastifyRequest } from 'fastify';

/**
 * By what a client's requests stick to a home: the user of a good token; for those who sign in, what the operation names (the
 * address, written in whatever way); anybody else by where he calls from.
 */
export async function subjectOf(
  request: FastifyRequest,
  operation: Operation,
  { verifier, credentials }: { readonly verifier: TokenVerifier; readonly credentials: Credentials },
): Promise<string> {
  const { access, stickBy } = operation;
  if (stickBy !== undefined) return named(await readEarly(request), stickBy) ?? request.ip;
  if (access === 'public' && request.headers.authorization === undefined) return request.ip;
  try {
    return (await verifier.verify(credentials.token(request, operation))).sub;
  } catch {
    return request.ip; // whoever serves it refuses it in his own words
  }
}

function named(body: Buffer, field: string): string | undefined {
  try {
    const value = (JSON.parse(body.toString('utf8')) as Record<string, unknown> | null)?.[field];
    return typeof value === 'string' ? stickySubject(value) : undefined;
  } catch {
    return undefined;
  }
}
