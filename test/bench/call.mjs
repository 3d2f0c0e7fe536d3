/** What a call between domains costs where both are in one process. */
import { median, number, printTable, quantile } from './figures.mjs';
import { ask } from './programs.mjs';
import { judge } from './targets.mjs';

const TARGET_US = 10;

export async function measureLocalCall(place) {
  console.log('\nCalling …');
  const us = await ask('local-call.mjs', {}, { ...place.settings('call'), PORT: '0', RATE_LIMITS: 'off', LOG_LEVEL: 'error' });
  const row = (title, layer) => [title, number(median(us[layer]), 2), number(quantile(us[layer], 0.99), 2)];
  printTable(
    'A call in the process, µs',
    ['', 'median', 'p99 of batches'],
    [
      row('the service’s method', 'service'),
      row('through the carrier: access, validation, context, Nest, controller', 'carrier'),
      row('through the client: also route, deadline, trace, metrics', 'client'),
      row('of this: validation of the input', 'validation'),
      row('for comparison: validation of a message’s draft', 'draftValidation'),
    ],
  );
  judge('a local call, over the method', [median(us.client) - median(us.service)], { below: TARGET_US, digits: 1, unit: ' µs' });
}
