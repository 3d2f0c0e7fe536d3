import { LegacyHome } from '@banyan/migration/proxy/legacy-home';
import { type Finding, probeLegacy } from '@banyan/migration/proxy/legacy-probe';
import { LegacyProxy } from '@banyan/migration/proxy/legacy-proxy';
import type { Settings } from '@banyan/platform/config/table';
import type { Routes } from '@banyan/platform/dispatch/routes';
import type { TokenVerifier } from '@banyan/platform/edge/token';
import type { Metrics } from '@banyan/platform/telemetry/metrics';

/** What a process with an edge has with the monolith. */
export interface Legacy {
  readonly home: LegacyHome;
  /** Whether it is there and takes our tokens. */
  readonly probe: () => Promise<Finding>;
  close(): void;
}

interface LegacyParts {
  readonly settings: Settings;
  readonly secret: string;
  readonly routes: Routes;
  readonly verifier: TokenVerifier;
  readonly metrics: Metrics;
}

/** Undefined without LEGACY_URL, and in a process that no client reaches. */
export function openLegacy({ settings, secret, routes, verifier, metrics }: LegacyParts): Legacy | undefined {
  const { LEGACY_URL, CORS_ORIGINS, SERVE } = settings;
  if (LEGACY_URL === undefined || !SERVE.edge) return undefined;
  const proxy = new LegacyProxy(LEGACY_URL);
  return {
    home: new LegacyHome({ proxy, routes, verifier, metrics, origins: CORS_ORIGINS }),
    probe: () => probeLegacy(LEGACY_URL, secret),
    close: () => proxy.close(),
  };
}
