import { setTimeout as pause } from 'node:timers/promises';
import { check, type Violation } from './checker';
import { type Account, Device, makeGroups, type Monolith, register, Tally } from './client';
import { type Answer, History } from './history';
import { Random } from './random';

export interface LoadOptions {
  readonly baseUrl: string;
  /** Further servers of the same data: half of the devices begin there, and each changes over when its own does not take its request. */
  readonly otherUrls?: readonly string[];
  readonly users?: number;
  /** Pairs that write to each other, the same users in several. */
  readonly conversations?: number;
  /** Of each of a user's two devices; Infinity for a load that goes on until `stop`. */
  readonly steps?: number;
  /** After each step of a device, on average; none by default. */
  readonly pauseMs?: number;
  /** In which some of the users write to each other as well; one for every five users by default. */
  readonly groups?: number;
  /** Users also sign in again, replace their keys and switch mails now and then. */
  readonly accounts?: boolean;
  /**
   * A monolith serves a part of the users. As it does not know keys of idempotency, a send that it may have executed is not repeated, and
   * whoever wrote something reads it back at once.
   */
  readonly monolith?: Monolith;
  /** Repeats what clients do, though not when the server answers. From the environment, FAULTS_SEED, or chance. */
  readonly seed?: number;
}

/** What clients put up with before they call a server gone: far more than any fault here lasts. */
const MAX_ATTEMPTS = 400;

/**
 * A steady load that ends by itself after a number of steps: each user has a device that writes and one that reads, each doing one
 * thing at a time. What is not answered is repeated under the same key; some sends are given up after the first failure instead.
 */
export class Load {
  readonly history = new History();
  readonly tally = new Tally();
  readonly seed: number;
  private readonly random: Random;
  private readonly partners = new Map<string, string[]>();
  private readonly devices: Device[] = [];
  private readonly waiting: { isReached: () => boolean; resolve: () => void }[] = [];
  private stepsDone = 0;
  private running: Promise<unknown> = Promise.resolve();
  private hasEnded = false;
  private isStopped = false;

  private constructor(
    private readonly accounts: readonly Account[],
    private readonly groups: ReadonlyMap<string, readonly string[]>,
    private readonly options: Required<Omit<LoadOptions, 'seed'>> & { readonly seed: number },
  ) {
    this.seed = options.seed;
    this.random = new Random(options.seed);
    for (const { id } of accounts) this.partners.set(id, []);
    while (this.countConversations() < options.conversations) this.pair(this.random.of(accounts).id, this.random.of(accounts).id);
    accounts.forEach(({ id }, n) => {
      if (this.partners.get(id)?.length === 0) this.pair(id, accounts.at(n - 1)!.id);
    });
  }

  /** Registers the users; the load begins with `start`. */
  static async prepare({
    baseUrl,
    otherUrls = [],
    users = 50,
    conversations = 80,
    steps = 12,
    pauseMs = 0,
    groups = Math.ceil(users / 5),
    accounts = false,
    monolith = 'none',
    seed = chosenSeed(),
  }: LoadOptions): Promise<Load> {
    const people = await register(baseUrl, users);
    const options = { baseUrl, otherUrls, users, conversations, steps, pauseMs, groups, accounts, monolith, seed };
    return new Load(people, await makeGroups(baseUrl, people, groups), options);
  }

  start(): void {
    const clients = this.accounts.flatMap((account) => {
      const random = this.random.split();
      return [this.write(this.device(account), random), this.read(this.device(account), random.split())];
    });
    this.running = Promise.all(clients).finally(() => {
      this.hasEnded = true;
      this.stir();
    });
    this.running.catch(() => undefined); // told by `finish`
  }

  /** Resolves when so much of the load's steps is done (0 to 1), or the load has ended. */
  reached(share: number): Promise<void> {
    const wanted = share * 2 * this.options.users * this.options.steps;
    return this.until(() => this.stepsDone >= wanted);
  }

  /** Resolves when so many more steps are done, or the load has ended. */
  further(steps: number): Promise<void> {
    const wanted = this.stepsDone + steps;
    return this.until(() => this.stepsDone >= wanted);
  }

  /** No device begins another step. */
  stop(): void {
    this.isStopped = true;
  }

  /** Resolves when so many more requests went unserved than now, or the load has ended. */
  unserved(count: number): Promise<void> {
    const wanted = this.tally.unserved + count;
    return this.until(() => this.tally.unserved >= wanted);
  }

  /** Waits for the end of the load, then for `settled` (the server has nothing left to do), reads everything, and judges. */
  async finish(settled: () => Promise<void>): Promise<Violation[]> {
    await this.running;
    await settled();
    this.history.settle();
    for (const account of this.accounts) {
      const device = this.device(account);
      await this.insist(() => device.pending());
      for (const other of this.partners.get(account.id) ?? []) await this.insist(() => device.conversation(other));
      for (const group of this.groupsOf(account.id)) await this.insist(() => device.history(group));
    }
    for (const device of this.devices) device.close();
    const { steps, settledAt } = this.history;
    return check({ steps, settledAt, isConfirmedOnly: this.options.monolith === 'mortal' });
  }

  /** For a failing test: how to repeat it, and what happened. */
  toString(): string {
    return `FAULTS_SEED=${this.seed}; ${[...this.tally.counts].map(([what, count]) => `${what}: ${count}`).join(', ')}`;
  }

  private async write(device: Device, random: Random): Promise<void> {
    const { steps, accounts, monolith } = this.options;
    const groups = this.groupsOf(device.userId);
    for (let n = 0; n < steps && !this.isStopped; n++) {
      const key = `${device.userId}-${n}`;
      if (accounts) await this.keepAccount(device, random, key);
      if (groups.length > 0 && random.chance(0.3)) await this.post(device, random, random.of(groups), key);
      else if (monolith !== 'none') await this.writeAndReadBack(device, random.of(this.partners.get(device.userId) ?? []), key);
      else await this.send(device, random, random.of(this.partners.get(device.userId) ?? []), key);
      await this.step(random);
    }
  }

  /** Some are given up after the first failure. */
  private async send(device: Device, random: Random, to: string, key: string): Promise<void> {
    if (random.chance(0.2)) await device.send(to, key);
    else await this.insist(() => device.send(to, key));
  }

  private async post(device: Device, random: Random, group: string, key: string): Promise<void> {
    if (random.chance(0.2) || this.options.monolith !== 'none') await device.post(group, key);
    else await this.insist(() => device.post(group, key));
    if (random.chance(0.5)) await this.insist(() => device.history(group));
  }

  private async writeAndReadBack(device: Device, to: string, key: string): Promise<void> {
    const answer = await this.insist(() => device.send(to, key), ['refused']);
    if (answer.told === 'accepted') await this.insist(() => device.conversation(to));
  }

  private async keepAccount(device: Device, random: Random, text: string): Promise<void> {
    if (random.chance(0.05)) await device.signIn();
    if (random.chance(0.1)) await device.replaceKeys(text);
    if (random.chance(0.1)) await device.switchMail(random.chance(0.5));
  }

  private async read(device: Device, random: Random): Promise<void> {
    for (let n = 0; n < this.options.steps && !this.isStopped; n++) {
      const groups = this.groupsOf(device.userId);
      if (groups.length > 0 && random.chance(0.2)) await this.insist(() => device.history(random.of(groups)));
      else if (random.chance(0.6)) await this.fetch(device, random);
      else await this.insist(() => device.conversation(random.of(this.partners.get(device.userId) ?? [])));
      await this.step(random);
    }
  }

  /** Most of what it gets a device acknowledges; the rest is left for the next time. */
  private async fetch(device: Device, random: Random): Promise<void> {
    const answer = await this.insist(() => device.pending());
    if (answer.told !== 'messages') return;
    for (const { id } of answer.messages) if (random.chance(0.7)) await this.insist(() => device.acknowledge(id));
  }

  private async insist(ask: () => Promise<Answer>, again: readonly Answer['told'][] = ['refused', 'unknown']): Promise<Answer> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const answer = await ask();
      this.stir();
      if (!again.includes(answer.told)) return answer;
      const [complaint] = this.tally.complaints;
      if (complaint) throw new Error(`${complaint}; ${this}`);
      await pause(150 + 100 * Math.random());
    }
    throw new Error(`not served in ${MAX_ATTEMPTS} attempts; ${this}`);
  }

  private device(account: Account): Device {
    const { baseUrl, otherUrls, monolith } = this.options;
    const urls = [baseUrl, ...otherUrls];
    const first = this.devices.length % urls.length;
    const device = new Device([...urls.slice(first), ...urls.slice(0, first)], account, this.history, this.tally, monolith);
    this.devices.push(device);
    return device;
  }

  private groupsOf(userId: string): string[] {
    return [...this.groups].flatMap(([group, members]) => (members.includes(userId) ? [group] : []));
  }

  private pair(one: string, other: string): void {
    const partners = this.partners.get(one);
    if (one === other || !partners || partners.includes(other)) return;
    partners.push(other);
    this.partners.get(other)?.push(one);
  }

  private countConversations(): number {
    return [...this.partners.values()].reduce((sum, partners) => sum + partners.length, 0) / 2;
  }

  private until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ isReached, resolve });
      this.stir();
    });
  }

  private async step(random: Random): Promise<void> {
    this.stepsDone++;
    this.stir();
    if (this.options.pauseMs > 0) await pause(2 * this.options.pauseMs * random.next());
  }

  private stir(): void {
    for (const { isReached, resolve } of this.waiting) if (this.hasEnded || isReached()) resolve();
  }
}

function chosenSeed(): number {
  return Number(process.env['FAULTS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
}
