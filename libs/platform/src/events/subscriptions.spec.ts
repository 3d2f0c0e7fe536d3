import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { event } from '../contract/event';
import type { Delivered } from './stored-event';
import { discoverSubscriptions, knownSubscriptions, On, Subscriber } from './subscriptions';

const happened = event('thing.happened', z.object({ n: z.number() }));
const ended = event('thing.ended', z.object({}));

@Injectable()
class Effects {
  readonly seen: string[] = [];
}

@Subscriber('notification')
class NotificationHandlers {
  constructor(private readonly effects: Effects) {}

  @On(happened)
  async tellThem(delivered: Delivered<typeof happened>): Promise<void> {
    this.effects.seen.push(`told ${delivered.data.n}`);
  }

  notAHandler(): void {}
}

@Injectable()
class Loose {
  @On(ended)
  async forget(): Promise<void> {}
}

@Subscriber('notification')
class Twin {
  @On(ended)
  async tellThem(): Promise<void> {}
}

async function discover(providers: (new (...args: never[]) => unknown)[]) {
  @Module({ imports: [DiscoveryModule], providers })
  class App {}
  const app = await Test.createTestingModule({ imports: [App] }).compile();
  return { app, subscriptions: discoverSubscriptions(app.get(DiscoveryService), app.get(MetadataScanner)) };
}

it('asks a handler’s condition on its instance, and refuses one that does not exist', async () => {
  @Subscriber('relay')
  class Repairs {
    private readonly least = 3;

    isLarge({ data: { n } }: Delivered<typeof happened>): boolean {
      return n >= this.least;
    }

    @On(happened, { when: 'isLarge' })
    async repair(): Promise<void> {}
  }
  const { subscriptions } = await discover([Repairs]);
  const asked = [2, 3].map((n) => subscriptions[0]!.isNeeded!({ data: { n } } as Delivered));
  expect(asked).toEqual([false, true]);
  @Subscriber('relay')
  class Unsaid {
    @On(happened, { when: 'isSmall' })
    async repair(): Promise<void> {}
  }
  await expect(discover([Unsaid])).rejects.toThrow('relay.repair is called when isSmall says so, which does not exist.');
});

it('finds handlers with their domain and event, and calls them on their instance', async () => {
  const { app, subscriptions } = await discover([Effects, NotificationHandlers, Loose]);
  expect(subscriptions.map(({ name, domain, event: { name: of } }) => ({ name, domain, of }))).toEqual([
    { name: 'notification.tellThem', domain: 'notification', of: 'thing.happened' },
    { name: 'Loose.forget', domain: undefined, of: 'thing.ended' },
  ]);
  await subscriptions[0]?.handle({ data: { n: 7 } } as Delivered);
  expect(app.get(Effects).seen).toEqual(['told 7']);
});

it('stops the start when two would share a name', async () => {
  await expect(discover([Effects, NotificationHandlers, Twin])).rejects.toThrow(
    'Two event handlers are called notification.tellThem: rename one.',
  );
});

it('knows what modules would subscribe to, through what they import, without making anything', async () => {
  @Injectable()
  class NeverMade {
    constructor() {
      throw new Error('made');
    }

    @On(ended)
    async regret(): Promise<void> {}
  }
  @Module({ providers: [NotificationHandlers, { provide: 'value', useValue: 1 }] })
  class Inner {}
  @Module({ imports: [Inner, { module: class Dynamic {}, providers: [NeverMade] }] })
  class Outer {}
  const known = knownSubscriptions([Outer, Inner, { module: class Root {}, imports: [Outer], providers: [Loose] }], new MetadataScanner());
  expect(known).toEqual([
    { name: 'notification.tellThem', domain: 'notification', event: happened },
    { name: 'NeverMade.regret', domain: undefined, event: ended },
    { name: 'Loose.forget', domain: undefined, event: ended },
  ]);
  @Module({ providers: [Twin] })
  class Another {}
  expect(() => knownSubscriptions([Outer, Another], new MetadataScanner())).toThrow('Two event handlers are called notification.tellThem');
});
