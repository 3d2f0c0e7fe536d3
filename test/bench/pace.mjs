/**
 * An even load: requests fall due at equal distances whether or not earlier ones have been answered, and a latency counts from
 * when its request fell due, not from when a connection was free to send it. (autocannon's rates send each second's share at full
 * speed at its beginning, so that they measure bursts.)
 */
import { once } from 'node:events';
import { connect } from 'node:net';

import { quantile } from './figures.mjs';

/** Latencies of the first second are left out. @returns as load.mjs */
export async function keepPace({ url, seconds, connections, lists, perSecond }) {
  const { hostname, port, host } = new URL(url);
  const idle = [];
  const waiting = []; // due times, oldest first
  const latenciesMs = [];
  let failed = 0;
  let begun = 0;
  let beginning = 0;

  const give = (connection) => {
    if (waiting.length === 0) return idle.push(connection);
    const due = waiting.shift();
    connection.ask((status) => {
      if (status !== 200) failed++;
      else if (due - beginning >= 1_000) latenciesMs.push(performance.now() - due);
      give(connection);
    });
  };
  for (let n = 0; n < connections; n++) give(await open({ hostname, port, requests: lists[n % lists.length].map(toBytes(host)) }));

  beginning = performance.now();
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      for (let due; (due = beginning + (begun / perSecond) * 1_000) <= now && begun < seconds * perSecond; begun++) {
        waiting.push(due);
        if (idle.length > 0) give(idle.shift());
      }
      if (begun >= seconds * perSecond && idle.length === connections) resolve(clearInterval(timer));
    }, 1);
  });
  return {
    perSecond: (begun - failed) / ((performance.now() - beginning) / 1_000),
    ok: begun - failed,
    failed,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

/** A connection that is asked one thing at a time, through its requests in turn. */
async function open({ hostname, port, requests }) {
  const socket = connect(Number(port), hostname).setNoDelay();
  await once(socket, 'connect');
  let next = 0;
  let text = '';
  let answered = () => undefined;
  const settle = (status) => {
    text = '';
    const tell = answered;
    answered = () => undefined;
    tell(status);
  };
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
    const head = text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
    if (text.length >= head + 4 + length) settle(Number(text.slice(9, 12)));
  });
  socket.on('error', () => undefined).on('close', () => settle(0));
  return {
    ask(callback) {
      answered = callback;
      if (socket.destroyed) return setImmediate(settle, 0);
      socket.write(requests[next++ % requests.length]);
    },
  };
}

const toBytes =
  (host) =>
  ({ method, path, headers, body = '' }) => {
    const lines = Object.entries({ host, ...headers, 'content-length': Buffer.byteLength(body) }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  };
