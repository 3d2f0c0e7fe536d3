import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { listen } from './http';
import type { Legacy } from './legacy';

/**
 * Faults for tests, on a port of its own, as the public one is legacy's: `POST /` with `{"failsMessageWrites": true}` or `false`.
 *
 * @returns its URL
 */
export function startControl(port: number, { faults }: Pick<Legacy, 'faults'>): Promise<string> {
  const server = createServer((request, response) => {
    void json(request).then(
      (wanted) => {
        Object.assign(faults, wanted);
        response.end(JSON.stringify(faults));
      },
      () => response.writeHead(400).end(),
    );
  });
  return listen(server, port);
}
