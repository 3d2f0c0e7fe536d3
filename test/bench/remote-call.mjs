/** A call over RabbitMQ beside the least that could do the same, and beside golevelup's `request()`. */
import { median, number, printTable, quantile, ratios, withSpread } from './figures.mjs';
import { ask } from './programs.mjs';
import { judge } from './targets.mjs';

const ALONE_TARGET = 1.6;
const MANY_TARGET = 3;
const IN_FLIGHT = 100;

export async function measureRemoteCall({ servers: { AMQP_URL }, brokerPid }, { rounds, seconds, kills }) {
  console.log('\nCalling over RabbitMQ …');
  const figures = await ask('carrier.mjs', { rounds, seconds, inFlight: IN_FLIGHT, brokerPid }, { AMQP_URL });
  const ratio = (way, key) => ratios(figures[way][key], figures.bare[key]);
  const row = (title, way) => {
    const { aloneUs, perSecond, cpuUs } = figures[way];
    return [
      title,
      withSpread(aloneUs),
      number(median(ratio(way, 'aloneUs')), 2),
      withSpread(perSecond),
      number(median(ratio(way, 'perSecond')), 2),
      [cpuUs.caller, cpuUs.callee, cpuUs.broker].map((us) => number(median(us))).join(' + '),
    ];
  };
  printTable(
    'A call between two processes',
    [
      '',
      'p50 alone, µs',
      'to bare',
      `calls/s with ${IN_FLIGHT} in flight`,
      'to bare',
      'processor time, µs a call: caller + callee + broker',
    ],
    [
      row('bare AMQP request and reply, exclusive reply queue', 'bare'),
      row('Banyan’s carrier, from client to controller', 'carrier'),
      row('golevelup’s request()', 'golevelup'),
    ],
  );
  judge('a remote call alone, to a bare one', ratio('carrier', 'aloneUs'), { below: ALONE_TARGET });
  judge(`remote calls with ${IN_FLIGHT} in flight, to bare ones`, ratio('carrier', 'perSecond'), { atLeast: MANY_TARGET });

  console.log('\nKilling instances …');
  const { detectedMs, slowestCallMs } = await ask('kills.mjs', { kills }, { AMQP_URL });
  const times = (title, took) => [title, number(median(took), 1), number(quantile(took, 0.99), 1), number(quantile(took, 1), 1)];
  printTable(
    `An instance killed under load, ms (${kills} kills; no call failed)`,
    ['', 'p50', 'p99', 'max'],
    [times('until callers stop using it', detectedMs), times('the slowest call meanwhile', slowestCallMs)],
  );
}
