import { file } from '@banyan/media/contract';
import type { DomainError, Operation } from '@banyan/platform/contract';
import { ALL, type Routes } from '@banyan/platform/dispatch/routes';
import { BadRequest } from '@banyan/platform/edge/body';
import type { Credentials } from '@banyan/platform/edge/credentials';
import type { Elsewhere } from '@banyan/platform/edge/elsewhere';
import type { TokenVerifier } from '@banyan/platform/tokens/verifier';
import type { Metrics } from '@banyan/platform/telemetry/metrics';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FilePlaces } from '../media/file-places';
import type { Revisions } from './revisions';
import { NotStored } from './errors';
import type { Forwarded } from './headers';
import { CLIENT_GONE, type LegacyProxy } from './legacy-proxy';
import { subjectOf } from './subject';

export interface LegacyHomeParts {
  readonly proxy: LegacyProxy;
  readonly routes: Routes;
  readonly verifier: TokenVerifier;
  readonly metrics: Metrics;
  /** Whose pages this server answers itself. */
  readonly origins: readonly string[];
  readonly revisions: Revisions;
  readonly files: FilePlaces;
  readonly credentials: Credentials;
  /** Refuses the token of somebody who is known to be signed out, locked or removed: the monolith would not know. */
  readonly refuse: (request: FastifyRequest) => Promise<void>;
}

/** The home `legacy` of clients' requests: what the routes give to it, and whatever Banyan does not know. */
export class LegacyHome implements Elsewhere {
  constructor(private readonly parts: LegacyHomeParts) {}

  async take(request: FastifyRequest, reply: FastifyReply, operation: Operation | undefined): Promise<boolean> {
    requireOneHost(request);
    if (operation && !(await this.isLegacy(request, operation))) return false;
    await this.refuse(request, reply);
    await this.forward(request, reply, operation);
    return true;
  }

  private async isLegacy(request: FastifyRequest, operation: Operation): Promise<boolean> {
    const { routes, verifier, credentials, origins, files } = this.parts;
    const { legacy } = routes.weights(operation.domain);
    if (operation.name === file.name && request.method !== 'OPTIONS') return !((await files.isOurs(request)) ?? legacy !== ALL);
    if (legacy === 0 || legacy === ALL) return legacy === ALL;
    if (operation.legacy === false) return false;
    // A preflight says nothing about who asks. As long as a part is served here, our own pages need no monolith to be let in.
    if (request.method === 'OPTIONS') return !origins.includes(request.headers.origin ?? '');
    return routes.home(operation.domain, await subjectOf(request, operation, { verifier, credentials })) === 'legacy';
  }

  private async refuse(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      await this.parts.refuse(request);
    } catch (error) {
      reply.header('Access-Control-Allow-Origin', '*'); // as below
      throw error;
    }
  }

  private async forward(request: FastifyRequest, reply: FastifyReply, operation: Operation | undefined): Promise<void> {
    const { proxy, revisions } = this.parts;
    const started = performance.now();
    const isPreflight = request.method === 'OPTIONS';
    const observe = (outcome: string) => {
      if (operation && !isPreflight)
        this.parts.metrics.observeCall(operation.name, 'legacy', outcome, (performance.now() - started) / 1000);
    };
    try {
      const revise = operation && !isPreflight ? await revisions.of(request, operation) : undefined;
      const status = await proxy.forward({
        request: request.raw,
        response: reply.raw,
        forwarded: forwardedBy(request),
        body: request.earlyBody,
        begin: () => void reply.hijack(),
        revise,
      });
      if (status === CLIENT_GONE && !reply.sent) reply.hijack();
      observe(status === CLIENT_GONE ? 'client_gone' : status >= 500 ? 'fault' : 'ok');
    } catch (error) {
      observe((error as DomainError).code === NotStored.code ? 'fault' : 'not_served');
      // As the monolith does for every answer: a page that could not read the error could not show it.
      reply.header('Access-Control-Allow-Origin', '*');
      throw error;
    }
  }
}

/** RFC 9112, section 3.2. The two servers could take another one of them. @throws BadRequest */
export function requireOneHost({ raw: { rawHeaders } }: Pick<FastifyRequest, 'raw'>): void {
  if (hostsIn(rawHeaders) > 1) throw BadRequest();
}

const hostsIn = (raw: readonly string[]): number => raw.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;

/** A trusted proxy is believed (TRUSTED_PROXIES); of what others claim nothing is passed on. */
export function forwardedBy(request: Pick<FastifyRequest, 'ip' | 'ips' | 'protocol' | 'host'>): Forwarded {
  return { for: [...(request.ips ?? [request.ip])].reverse().join(', '), proto: request.protocol, host: request.host };
}
