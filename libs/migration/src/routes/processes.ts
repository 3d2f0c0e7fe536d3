import { mismatches } from '@banyan/platform/host/compatibility';
import type { ContractLibrary } from '@banyan/platform/host/contract-library';
import type { InstanceReport } from '@banyan/platform/host/instance.store';

/** An operation that one build cannot call at another, for each pair of builds that run. */
export interface Mismatch {
  readonly operation: string;
  readonly caller_build: string;
  readonly callee_build: string;
  readonly reason: string;
}

/** The processes that run now, and how their contracts fit together. */
export class Processes {
  /** Neither silent nor leaving. */
  readonly live: readonly InstanceReport[];

  constructor(
    readonly all: readonly InstanceReport[],
    private readonly library: ContractLibrary,
  ) {
    this.live = all.filter(({ is_live, draining }) => is_live && !draining);
  }

  /** Who serves a domain: workers at remote, hosts at local. */
  serving(domain: string, home: 'remote' | 'local'): InstanceReport[] {
    const kind = home === 'remote' ? 'worker' : 'host';
    return this.live.filter((process) => process.kind === kind && process.domains.includes(domain));
  }

  /** Whether everybody who calls that domain finds somebody there whom he understands, for every operation he knows. */
  isServedForAll(domain: string, home: 'remote' | 'local'): boolean {
    const callees = this.serving(domain, home);
    return callees.length > 0 && this.live.every((caller) => callees.some((callee) => this.faults(domain, caller, callee).length === 0));
  }

  mismatches(): Mismatch[] {
    const found = new Map<string, Mismatch>();
    for (const callee of this.live) {
      for (const domain of callee.domains) {
        for (const caller of this.live) {
          for (const { operation, reason } of this.faults(domain, caller, callee)) {
            const mismatch = { operation, caller_build: caller.build, callee_build: callee.build, reason };
            found.set(`${caller.build} ${callee.build} ${operation}`, mismatch);
          }
        }
      }
    }
    return [...found.values()];
  }

  private faults(domain: string, caller: InstanceReport, callee: InstanceReport): { operation: string; reason: string }[] {
    const [own, other] = [this.library.find(caller.contracts[domain]), this.library.find(callee.contracts[domain])];
    if (!own) return []; // a build that does not know the domain does not call it
    if (!other) return [{ operation: `${domain}.*`, reason: 'that build does not say what it serves' }];
    return mismatches(own, other);
  }
}
