import { FileNotFound, FileRemoved } from '@banyan/media/contract';
import { Unavailable } from '@banyan/platform/contract';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { FastifyRequest } from 'fastify';
import { FilePlaces } from './file-places';

const request = { params: { filename: 'x.png' }, id: 'r' } as unknown as FastifyRequest;
const placesOf = (answer: () => Promise<unknown>, hasData = true) =>
  new FilePlaces({ callFromEdge: answer } as unknown as Dispatcher, () => hasData);

it.each<[string, () => Promise<unknown>, boolean | undefined]>([
  ['that is here', () => Promise.resolve({}), true],
  ['that was deleted here, and that the monolith may have still', () => Promise.reject(FileRemoved()), true],
  ['that was never here', () => Promise.reject(FileNotFound()), false],
  ['of which media cannot tell now', () => Promise.reject(Unavailable()), undefined],
])('whose a file is %s', async (_what, answer, isOurs) => {
  expect(await placesOf(answer).isOurs(request)).toBe(isOurs);
  expect(await placesOf(answer, false).isOurs(request)).toBeUndefined();
});
