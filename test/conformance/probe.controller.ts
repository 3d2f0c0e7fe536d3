import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Actor, CallContext, ClientOf, Contract, Handlers, Input } from '@banyan/platform/contract';
import { Unserved } from '@banyan/platform/dispatch/outcome';
import { Serves } from '@banyan/platform/dispatch/serves';
import { Inject } from '@nestjs/common';
import { probeContract, Refused } from './probe.contract';

export const FOLDER = Symbol('folder');
export const SELF = Symbol('self');

const { later: _later, ...old } = probeContract.operations;
/** As an older build has it: without the newest operation. */
export const olderProbeContract = { domain: 'probe', operations: old } satisfies Contract;

type Marked = Input<typeof probeContract.operations.once>;

/** Writes what was executed into files of a folder, which outlive its process. */
@Serves(olderProbeContract)
export class ProbeController implements Handlers<typeof olderProbeContract> {
  private kept: Record<string, unknown> = {};

  constructor(
    @Inject(FOLDER) private readonly folder: string,
    @Inject(SELF) private readonly self: () => ClientOf<typeof probeContract>,
  ) {}

  async echo(input: Record<string, unknown>): Promise<unknown> {
    return input;
  }

  async context(_input: object, context: CallContext<Actor>): Promise<unknown> {
    return context;
  }

  async keep(input: Record<string, unknown>): Promise<unknown> {
    input['changed'] = true;
    this.kept['changed'] = true;
    this.kept = { ...input };
    return this.kept;
  }

  async nothing(): Promise<unknown> {
    return undefined;
  }

  async refuse(): Promise<unknown> {
    throw Refused({ because: ['a', null] });
  }

  async crash(): Promise<unknown> {
    throw new Error('the text of a driver');
  }

  async circle(): Promise<unknown> {
    return { big: 1n };
  }

  async fall({ mark, executed }: { mark: string; executed: 'no' | 'maybe' }): Promise<unknown> {
    this.write(mark);
    throw new Unserved('probe.fall', executed, 'database');
  }

  async nest(): Promise<unknown> {
    return this.self().nest({});
  }

  look(input: Marked): Promise<unknown> {
    return this.perform(input);
  }

  once(input: Marked): Promise<unknown> {
    return this.perform(input);
  }

  brief(input: Marked): Promise<unknown> {
    return this.perform(input);
  }

  async keyed(input: Marked, { key }: CallContext<Actor>): Promise<unknown> {
    try {
      writeFileSync(join(this.folder, `key-${Buffer.from(key).toString('hex')}`), '', { flag: 'wx' });
    } catch {
      return { by: process.pid, repeated: true };
    }
    return this.perform(input);
  }

  private async perform({ mark, then }: Marked): Promise<unknown> {
    this.write(mark);
    if (then === 'die') process.kill(process.pid, 'SIGKILL');
    // Until it is let go, or the test is over.
    while (then === 'hold' && existsSync(this.folder) && !existsSync(join(this.folder, `go-${mark}`))) await pause(5);
    return { by: process.pid };
  }

  private write(mark: string): void {
    appendFileSync(join(this.folder, 'executed'), `${mark}\n`);
  }
}
