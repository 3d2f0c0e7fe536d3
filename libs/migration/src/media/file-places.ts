import { file, FileNotFound, FileRemoved } from '@banyan/media/contract';
import { isError } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { FastifyRequest } from 'fastify';

/**
 * Who has a file that a client asks for by its name. Links go from hand to hand and outlive every route: neither who asks nor where
 * uploads go today says where this one went.
 */
export class FilePlaces {
  constructor(
    private readonly dispatcher: Dispatcher,
    /** Whether media has data at all. */
    private readonly hasData: () => boolean,
  ) {}

  /** What was deleted here is ours too: the monolith may have it still. @returns undefined if it cannot be told now */
  async isOurs({ params, id }: FastifyRequest): Promise<boolean | undefined> {
    const { filename } = (params ?? {}) as { filename?: string };
    if (filename === undefined || !this.hasData()) return undefined;
    try {
      await this.dispatcher.callFromEdge(file, { filename }, { actor: { kind: 'system', name: 'file-places' }, key: id });
      return true;
    } catch (error) {
      if (isError(error, FileNotFound)) return false;
      return isError(error, FileRemoved) ? true : undefined;
    }
  }
}
