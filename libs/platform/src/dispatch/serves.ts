import { Controller, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { Contract } from '../contract';

/** The contracts that some controller serves, by the pattern that Nest knows each operation by. */
export const SERVED_CONTRACT = Symbol('served contract');

/**
 * This controller is the one door of its domain. Each operation of the contract becomes a Nest message handler, so that guards,
 * pipes, interceptors and filters run the same for every home. A missing method stops the start.
 */
export function Serves(contract: Contract) {
  return (controller: Type): void => {
    Controller()(controller);
    Reflect.defineMetadata(SERVED_CONTRACT, contract, controller);
    const prototype = controller.prototype as object;
    for (const [key, operation] of Object.entries(contract.operations)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
      if (!descriptor) throw new Error(`${controller.name} lacks a handler for ${operation.name}`);
      MessagePattern(operation.name)(prototype, key, descriptor);
      Payload()(prototype, key, 0);
      Ctx()(prototype, key, 1);
    }
  };
}
