import { join } from 'node:path';
import { domainNames, isInLegacy } from '@banyan/domains';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Random } from '../faults/random';
import { PNG } from '../media/files';
import { freshBucket, required } from '../support/banyan';
import { Deployment, type Parts } from '../support/deployment';
import { freshAccount, PASSWORD } from '../support/people';
import { until } from '../support/until';

jest.setTimeout(60_000);

/** Pictures of what the test sees, for people; nowhere unless it is said. */
const PICTURES = process.env['BROWSER_PICTURES'];

/** Somebody at a browser of his own. */
class Visitor {
  readonly account = freshAccount();
  private openings = 0;

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    private readonly url: string,
  ) {
    page.on('websocket', () => this.openings++);
  }

  static async arrive(browser: Browser, url: string): Promise<Visitor> {
    const context = await browser.newContext();
    const visitor = new Visitor(context, await context.newPage(), url);
    await visitor.load();
    return visitor;
  }

  get sockets(): number {
    return this.openings;
  }

  async load(): Promise<void> {
    await this.page.goto(`${this.url}/some/page/of/the/client`);
    this.openings = 0;
  }

  async register(): Promise<void> {
    const { email, username } = this.account;
    await this.page.fill('[name=email]', email);
    await this.page.fill('[name=username]', username);
    await this.page.fill('[name=password]', PASSWORD);
    await this.page.click('[name=register]');
    await this.isConnected();
  }

  async signIn(): Promise<void> {
    await this.page.fill('[name=email]', this.account.email);
    await this.page.fill('[name=password]', PASSWORD);
    await this.page.click('[name=login]');
    await this.isConnected();
  }

  async isConnected(): Promise<void> {
    await this.page.waitForFunction(`document.querySelector('#state').textContent === 'connected'`);
  }

  contact({ account }: Visitor, state = '') {
    return this.page.locator(`#contacts li${state}`, { hasText: account.username });
  }

  async open(other: Visitor): Promise<void> {
    await this.contact(other).click();
  }

  async write(text: string, file?: { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
    await this.page.fill('[name=text]', text);
    if (file) await this.page.setInputFiles('[name=file]', file);
    await this.page.click('#compose button');
    await this.page.locator('#messages li.own', { hasText: text }).waitFor();
  }

  line(text: string) {
    return this.page.locator('#messages li', { hasText: text });
  }

  /** Pushed to the page; or, with `orInHistory`, there when the chat is opened again. */
  async sees(text: string, { from, orInHistory = false }: { from: Visitor; orInHistory?: boolean }): Promise<void> {
    if (!orInHistory) return this.line(text).waitFor();
    await until(async () => {
      if ((await this.line(text).count()) > 0) return true;
      await this.open(from);
      return false;
    });
  }

  alerts(): Promise<string> {
    return this.page.locator('#alert').innerText();
  }

  async picture(name: string): Promise<void> {
    if (PICTURES) await this.page.screenshot({ path: join(PICTURES, `${name}.png`) });
  }
}

describe('a small web client in a browser', () => {
  let deployment: Deployment;
  let browser: Browser;
  let ada: Visitor;
  let bob: Visitor;

  beforeAll(async () => {
    const workers = Object.fromEntries(domainNames.map((domain) => [domain, 1]));
    const environment = { ...freshBucket(), FRONTEND_DIR: join(__dirname, 'client') };
    deployment = await Deployment.start({ legacy: { variant: 'text' }, workers, environment });
    browser = await chromium.launch({ executablePath: required('TEST_CHROMIUM'), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    [ada, bob] = [await Visitor.arrive(browser, deployment.url), await Visitor.arrive(browser, deployment.url)];
    await ada.register();
    await bob.register();
    await befriend();
  });
  afterAll(async () => {
    await browser?.close();
    await deployment?.remove();
  });

  afterEach(() => Promise.all([ada?.picture('ada at last'), bob?.picture('bob at last')]));

  /** The client has no button for it. */
  async function befriend(): Promise<void> {
    const [one, other] = [await whoIs(ada.page), await whoIs(bob.page)];
    // The monolith notes it for one of the two only.
    for (const [who, whom] of [
      [one, other],
      [other, one],
    ] as const) {
      const answer = await fetch(`${deployment.url}/api/v1/contacts/add`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${who.token}` },
        body: JSON.stringify({ user_id: who.id, contact_id: whom.id }),
      });
      expect(answer.status).toBe(200);
    }
  }

  async function whoIs(page: Page): Promise<{ id: string; token: string }> {
    const { token, me } = (await page.evaluate('({ token: window.client.token, me: window.client.me })')) as { token: string; me: string };
    return { id: me, token };
  }

  async function move(parts: Parts): Promise<void> {
    let version = 0;
    for (const domain of domainNames) version = await deployment.route(domain, isInLegacy(domain) ? parts : { ...parts, legacy: 0 });
    await deployment.followed(version);
  }

  it.each<[string, Parts]>([
    ['the monolith', { legacy: 1 }],
    ['the host', {}],
    ['workers', { remote: 1 }],
    ['host and workers, half and half', { remote: 0.5 }],
  ])('signs in, sees who is there, chats and shows a picture; served by %s', async (name, parts) => {
    await move(parts);
    for (const visitor of [ada, bob]) {
      await visitor.load();
      await visitor.signIn();
    }
    await ada.contact(bob, '.online').waitFor();
    await ada.open(bob);
    await bob.open(ada);
    const [hello, answer] = [`Hello by ${name} ✓`, `And back by ${name} 🥊`];
    await ada.write(hello);
    await bob.sees(hello, { from: ada });
    await bob.write(answer);
    await ada.sees(answer, { from: bob });
    await ada.write(`a picture by ${name}`, { name: 'dot.png', mimeType: 'image/png', buffer: PNG });
    await bob.sees(`a picture by ${name}`, { from: ada });
    await bob.page.waitForFunction('[...document.images].every((image) => image.complete && image.naturalWidth === 1)');
    expect(await bob.page.locator('#messages img').count()).toBeGreaterThan(0);
    await bob.picture(`bob by ${name}`);
    // On another device everything is there, read with the key that came from the backup.
    const laptop = await Visitor.arrive(browser, deployment.url);
    Object.assign(laptop.account, bob.account);
    await laptop.signIn();
    await laptop.open(ada);
    await laptop.sees(hello, { from: ada });
    await laptop.sees(answer, { from: ada });
    await laptop.context.close();
    expect([await ada.alerts(), await bob.alerts()]).toEqual(['', '']);
    await bob.context.close();
    if (parts.legacy !== 1) await ada.contact(bob, ':not(.online)').waitFor(); // the monolith says it at any device's end
    await ada.picture(`ada by ${name}`);
    const again = await Visitor.arrive(browser, deployment.url);
    Object.assign(again.account, bob.account);
    bob = again;
    await bob.signIn();
    await ada.contact(bob, '.online').waitFor();
  });

  it('chats on while every domain moves, and no socket is closed by a move', async () => {
    await move({});
    for (const visitor of [ada, bob]) {
      await visitor.load();
      await visitor.signIn();
    }
    await ada.open(bob);
    await bob.open(ada);
    const random = new Random(7);
    for (let n = 0; n < 24; n++) {
      await deployment.route(random.of(domainNames), { remote: random.of([0, 0.5, 1]) });
      const [from, to] = n % 2 ? [ada, bob] : [bob, ada];
      await from.write(`move ${n} of 24`);
      await to.sees(`move ${n} of 24`, { from });
    }
    await until(async () => (await ada.page.locator('#messages li.own small', { hasText: 'read' }).count()) >= 12);
    expect([await ada.alerts(), await bob.alerts()]).toEqual(['', '']);
    expect([ada.sockets, bob.sockets]).toEqual([1, 1]);
    await ada.picture('ada after moves');
  });

  it('loses nothing while domains move between the monolith and new code', async () => {
    const random = new Random(8);
    const texts: string[] = [];
    for (let n = 0; n < 16; n++) {
      const domain = random.of(domainNames.filter(isInLegacy));
      await deployment.route(domain, { legacy: random.of([0, 0.5, 1]) });
      const text = `back and forth ${n} of 16`;
      await ada.write(text);
      await bob.sees(text, { from: ada, orInHistory: true });
      texts.push(text);
    }
    await bob.open(ada);
    for (const text of texts) await bob.line(text).first().waitFor(); // it is read and decrypted line by line
    for (const text of texts) expect(await bob.line(text).count()).toBe(1);
    expect([await ada.alerts(), await bob.alerts()]).toEqual(['', '']);
  });
});
