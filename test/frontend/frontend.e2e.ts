import { homes, type Home } from './homes';
import { answers } from './sections/answers';
import { calls } from './sections/calls';
import { sockets } from './sections/sockets';

jest.setTimeout(60_000);

/** Every call and every frame of the unchanged web client, by the sections of the page that describes it. */
describe.each(homes)('the web client, on %s', (_name, start) => {
  let home: Home | undefined;
  beforeAll(async () => {
    home = await start();
  });
  afterAll(() => home?.stop());

  answers(() => home!);
  calls(() => home!);
  describe('its sockets', () => sockets(() => home!));
});
