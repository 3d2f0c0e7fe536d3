import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { z } from 'zod';
import { type Actor, type CallContext, type Contract, contract, domainError, query } from '../contract';
import { KeepErrors, OperationServer } from './server';
import { Serves } from './serves';

const Text = z.object({ text: z.string() });
const TooLoud = domainError('echo.too_loud', { status: 400, detail: 'Too loud' });
const echo = () => query({ summary: 'Say it again.', access: 'public', input: Text, output: Text, errors: [TooLoud] });
const context = {
  actor: { kind: 'anonymous' },
  key: 'k',
  deadline: Infinity,
  depth: 0,
  trace: { traceId: '', spanId: '', sampled: false },
} as CallContext<Actor>;

/** A process with these controllers, as the server makes it. */
async function start(contracts: readonly Contract[], ...controllers: (new () => object)[]) {
  @Module({ controllers })
  class Root {}
  const server = new OperationServer(contracts);
  const app = await NestFactory.createMicroservice(Root, { strategy: server, logger: false, abortOnError: false });
  app.useGlobalFilters(new KeepErrors());
  await app.listen();
  return { server, close: () => app.close() };
}

describe('a contract and its controller', () => {
  it('meet: the call gets there, and a declared error comes back as what it was', async () => {
    const echoContract = contract('echo', { say: echo() });
    @Serves(echoContract)
    class EchoController {
      async say({ text }: { text: string }, { key }: CallContext<Actor>) {
        if (text === 'AH') throw TooLoud();
        return { text: `${text} ${key}` };
      }
    }
    const { server, close } = await start([echoContract], EchoController);
    await expect(server.execute('echo.say', { text: 'oh' }, context)).resolves.toEqual({ text: 'oh k' });
    await expect(server.execute('echo.say', { text: 'AH' }, context)).rejects.toMatchObject({ code: 'echo.too_loud', status: 400 });
    await expect(server.execute('echo.say', { text: 1 }, context)).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(server.execute('echo.shout', {}, context)).rejects.toMatchObject({ code: 'unknown_operation' });
    expect([server.serves('echo'), server.serves('relay')]).toEqual([true, false]);
    await close();
    await expect(server.execute('echo.say', { text: 'oh' }, context)).rejects.toMatchObject({ code: 'unknown_operation' });
  });

  it('without a method for an operation: no start', () => {
    const echoContract = contract('echo', { say: echo() });
    expect(() => {
      @Serves(echoContract)
      class EchoController {}
      return EchoController;
    }).toThrow('EchoController lacks a handler for echo.say');
  });

  it('of which the controller was forgotten: no start', async () => {
    await expect(start([contract('echo', { say: echo() })])).rejects.toThrow('echo.say has no handler');
  });

  it('of which the contract is not of this process: no start', async () => {
    const echoContract = contract('echo', { say: echo() });
    @Serves(echoContract)
    class EchoController {
      async say() {
        return { text: '' };
      }
    }
    await expect(start([], EchoController)).rejects.toThrow('echo.say is served, but no contract of this process names it');
  });

  it('of which there are two: no start', async () => {
    const one = contract('echo', { say: echo() });
    expect(() => new OperationServer([one, contract('echo', { say: echo() })])).toThrow('echo.say is defined twice');
    @Serves(one)
    class First {
      async say() {
        return { text: '' };
      }
    }
    @Serves(one)
    class Second {
      async say() {
        return { text: '' };
      }
    }
    await expect(start([one], First, Second)).rejects.toThrow('echo.say is served twice');
  });
});

describe('who may call', () => {
  const access = (['public', 'user', 'admin', 'internal'] as const).map(
    (kind) => [kind, query({ summary: 'x', access: kind, input: z.object({}), output: z.object({}) })] as const,
  );
  const gate = contract('gate', Object.fromEntries(access));
  @Serves(gate)
  class GateController {
    async public() {
      return {};
    }
    async user() {
      return {};
    }
    async admin() {
      return {};
    }
    async internal() {
      return {};
    }
  }
  const actors: Record<string, Actor> = {
    anybody: { kind: 'anonymous' },
    'a user': { kind: 'user', userId: 'u', role: 'user' },
    'an admin': { kind: 'user', userId: 'a', role: 'admin' },
    'a timer': { kind: 'system', name: 'timer' },
  };

  it('is judged however the call came', async () => {
    const { server, close } = await start([gate], GateController);
    const outcome = async (kind: string, actor: Actor) =>
      server.execute(`gate.${kind}`, {}, { ...context, actor }).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      );
    const matrix: Record<string, string[]> = {};
    for (const [name, actor] of Object.entries(actors)) matrix[name] = await Promise.all(access.map(([kind]) => outcome(kind, actor)));
    await close();
    expect(matrix).toEqual({
      anybody: ['ok', 'not_authenticated', 'not_authenticated', 'ok'],
      'a user': ['ok', 'ok', 'admins_only', 'ok'],
      'an admin': ['ok', 'ok', 'ok', 'ok'],
      'a timer': ['ok', 'not_authenticated', 'not_authenticated', 'ok'],
    });
  });
});
