import type { Operation } from '../contract';

/** A process that takes calls. */
export interface Instance {
  readonly id: string;
  readonly queue: string;
  readonly kind: 'host' | 'worker';
  readonly build: string;
  readonly url: string;
  /** By operation name; what its build promises. */
  readonly operations: ReadonlyMap<string, OperationShape>;
}

/** What an operation takes and answers, as JSON Schemas. Operations with the same hash are the same. */
export interface OperationShape {
  readonly hash: string;
  readonly input: unknown;
  readonly output: unknown;
}

export interface InstanceDirectory {
  /** Live instances of that kind that serve the operation in a way this build understands. Cheap: called for each request. */
  candidates(operation: Operation, kind: 'worker' | 'host'): readonly Instance[];
  /** The carrier saw that it is gone (returned, connection lost): not a candidate until its next heartbeat. */
  suspect(instanceId: string): void;
}
