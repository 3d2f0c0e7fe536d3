import { Controller, type Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { PARAM_ARGS_METADATA } from '@nestjs/microservices/constants';
import type { Contract } from '../contract';

/** The contracts that some controller serves, by the pattern that Nest knows each operation by. */
export const SERVED_CONTRACT = Symbol('served contract');

/**
 * This controller is the one door of its domain. Each operation of the contract becomes a Nest message handler, so that guards,
 * interceptors and filters run the same for every home. Its input is checked by the contract, and by no pipe: methods that name no
 * parameters get input and context as they are, without the ten promises of pipes that nobody has set. A missing method stops the start.
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
      Reflect.defineMetadata(PARAM_ARGS_METADATA, {}, controller, key);
    }
  };
}
