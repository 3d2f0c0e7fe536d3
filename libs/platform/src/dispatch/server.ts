import { type ArgumentsHost, Catch, type RpcExceptionFilter } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { firstValueFrom, isObservable, type Observable, throwError } from 'rxjs';
import { AdminsOnly, type Actor, type CallContext, type Contract, NotAuthenticated, type Operation, UnknownOperation } from '../contract';
import { inContext } from './context';
import { InvalidInput, faultsOf } from './faults';

/** Nest's own filter turns every error into "Internal server error"; callers of a contract are promised the declared one. */
@Catch()
export class KeepErrors implements RpcExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => error);
  }
}

/**
 * The operations that this process can execute. Nest hands over every wrapped message handler; carriers call `execute`, whatever
 * way the call came.
 */
export class OperationServer extends Server implements CustomTransportStrategy {
  private readonly operations = new Map<string, Operation>();
  private readonly domains = new Set<string>();
  private closing = false;

  constructor(contracts: readonly Contract[]) {
    super();
    for (const contract of contracts) {
      for (const operation of Object.values(contract.operations)) {
        if (this.operations.has(operation.name)) throw new Error(`${operation.name} is defined twice`);
        this.operations.set(operation.name, operation);
        this.domains.add(operation.domain);
      }
    }
  }

  override addHandler(pattern: unknown, handler: MessageHandler, isEvent?: boolean, extras?: Record<string, unknown>): void {
    const name = String(pattern);
    if (!this.operations.has(name)) throw new Error(`${name} is served, but no contract of this process names it`);
    if (this.messageHandlers.has(name)) throw new Error(`${name} is served twice`);
    super.addHandler(pattern, handler, isEvent, extras);
  }

  /** Every operation of the loaded domains has its handler, or the program does not start. */
  listen(callback: () => void): void {
    for (const name of this.operations.keys()) {
      if (!this.messageHandlers.has(name)) throw new Error(`${name} has no handler`);
    }
    callback();
  }

  close(): void {
    this.closing = true;
  }

  on(): void {
    throw new Error('The operation server has no events');
  }

  unwrap<T>(): T {
    throw new Error('The operation server has nothing beneath it');
  }

  serves(domain: string): boolean {
    return this.domains.has(domain);
  }

  /** Can it be executed here now? If not, nothing happened and another process may be asked. */
  has(name: string): boolean {
    return this.operations.has(name) && !this.closing;
  }

  /** Check who asks and what he sends, then let the controller answer. */
  async execute(name: string, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const operation = this.operations.get(name);
    const handler = this.messageHandlers.get(name);
    if (!operation || !handler || this.closing) throw UnknownOperation();
    requireAccess(operation, context.actor);
    const parsed = operation.input.safeParse(input);
    if (!parsed.success) throw InvalidInput({ errors: faultsOf(parsed.error, input) });
    const answer: unknown = await inContext(context, () => handler(parsed.data, context));
    // Interceptors answer with one that calls the controller when it is subscribed to.
    return isObservable(answer) ? inContext(context, () => firstValueFrom(answer)) : answer;
  }
}

/** The edge checks the same before it reads a body; here it holds for whoever reaches the operation in another way. */
export function requireAccess({ access, refusal = AdminsOnly }: Operation, actor: Actor): void {
  if (access === 'public' || access === 'optional' || access === 'internal') return;
  if (actor.kind !== 'user') throw NotAuthenticated();
  if (access === 'admin' && actor.role !== 'admin') throw refusal();
}
