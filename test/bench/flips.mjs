/** How long a change of a route takes to be followed by every process. */
import { setTimeout as delay } from 'node:timers/promises';

import { Deployment } from './deployment.mjs';
import { number, printTable, quantile } from './figures.mjs';

/** From the commit of a change until every process has told that it follows it. */
export async function measureFlips(place, { flips }) {
  const settings = { ...place.settings('flips'), AMQP_URL: place.servers.AMQP_URL };
  const deployment = await Deployment.start(settings, { cwd: place.folder, moved: ['user'], name: 'flips', broker: place.meters.broker });
  try {
    console.log(`\nMoving a route, ${flips} times each …`);
    const measure = async (isAnnounced) => {
      const took = [];
      for (let n = 0; n < flips; n++) {
        await delay(Math.random() * 1_000); // at any moment between two looks
        const version = await deployment.changeRoute('user', n % 2 === 0 ? 'remote' : 'local', isAnnounced);
        const changed = performance.now();
        await deployment.untilFollowed(version);
        took.push(performance.now() - changed);
      }
      return took;
    };
    const row = (title, took) => [title, number(quantile(took, 0.5)), number(quantile(took, 1))];
    printTable(
      'A route change, until every process follows it, ms',
      ['', 'p50', 'max'],
      [row('announced', await measure(true)), row('the announcement lost', await measure(false))],
    );
  } finally {
    await deployment.stop();
  }
}
