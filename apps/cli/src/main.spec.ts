import { envExample } from '@banyan/platform/config/env-example';
import { main } from './main';

/** Run `banyan` in this process, and tell what it wrote. */
async function banyan(...args: string[]) {
  let [out, err] = ['', ''];
  const stdout = jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((out += String(text))));
  const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((err += String(text))));
  const console_ = jest.spyOn(console, 'error').mockImplementation((text) => void (err += `${String(text)}\n`));
  try {
    return { code: await main(args, '1.2.3'), out, err };
  } finally {
    [stdout, stderr, console_].forEach((spy) => spy.mockRestore());
  }
}

describe('banyan', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env = { ...before };
  });

  it('helps, and tells its version', async () => {
    expect(await banyan('--version')).toEqual({ code: 0, out: '1.2.3\n', err: '' });
    expect(await banyan('--help')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Usage: banyan .*settings .*Exit status/s),
      err: '',
    });
    expect(await banyan('settings', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--json') });
  });

  it.each([[[]], [['setings']], [['settings', '--jsn']], [['settings', 'more']]])(
    'says what is wrong with %j, and exits with 2',
    async (args) => {
      expect(await banyan(...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('banyan') });
    },
  );

  it('shows the settings in force, without secrets', async () => {
    process.env.PORT = '9999';
    process.env.JWT_SECRET_KEY = 'q8Zr3Vn1Xw6Lk0Ty5Pb9Gc2Hd7Js4Mf_';
    const { code, out } = await banyan('settings');
    expect(code).toBe(0);
    expect(out).toMatch(/^PORT +environment +9999$/m);
    expect(out).toMatch(/^JWT_SECRET_KEY +environment +\*\*\*$/m);
    const json = JSON.parse((await banyan('settings', '--json')).out) as { name: string; value: string | null }[];
    expect(json.find(({ name }) => name === 'PORT')).toMatchObject({ value: '9999', source: 'environment' });
    expect(JSON.stringify(json) + out).not.toContain('q8Zr3');
  });

  it('writes .env.example', async () => {
    expect(await banyan('settings', '--example')).toEqual({ code: 0, out: envExample(), err: '' });
  });

  it('shows wrong settings too, says what is wrong in one sentence, and exits with 1', async () => {
    process.env.PORT = 'http';
    expect(await banyan('settings')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^PORT +environment +http$/m),
      err: 'PORT should be a whole number from 0 to 65535; it is "http".\n',
    });
  });
});
