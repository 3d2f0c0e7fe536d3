import { CallerNotFound, Forbidden, InvalidToken, isError } from '@banyan/platform/contract';
import type { Callers } from '@banyan/platform/edge/callers';
import { bearerToken } from '@banyan/platform/edge/credentials';
import type { FastifyRequest } from 'fastify';

/**
 * What ends a session, locks or removes an account here must end it at the monolith too, which looks at the signature only: a request
 * with such a token does not get there. Of tokens that are not good for other reasons it judges itself, and while accounts cannot be
 * asked about nothing is held back: it works on the same database, or on none of ours.
 *
 * @param hasAccounts whether there is a place where that would be written
 */
export function refusing(callers: Pick<Callers, 'identify' | 'isSigned'>, hasAccounts: () => boolean) {
  return async (request: FastifyRequest): Promise<void> => {
    const token = tokenIn(request);
    if (token === undefined || !hasAccounts() || !(await callers.isSigned(token))) return;
    try {
      await callers.identify(token);
    } catch (error) {
      if (isSocket(request) && isError(error, CallerNotFound)) throw Forbidden(); // its sockets do not ask for the account
      if (isError(error, InvalidToken)) throw isSocket(request) ? Forbidden() : error;
    }
  };
}

const isSocket = ({ url }: Pick<FastifyRequest, 'url'>): boolean => url.startsWith('/ws/');

/** In the header; of a socket, which a browser opens without headers, in the address. */
function tokenIn({ headers: { authorization }, url }: FastifyRequest): string | undefined {
  if (isSocket({ url })) return new URL(url, 'http://host').searchParams.get('token') ?? undefined;
  try {
    return bearerToken(authorization);
  } catch {
    return undefined;
  }
}
