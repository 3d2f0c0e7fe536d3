/** Clients of a server, in a process of their own: `argv[2]` as JSON names the file of the question, the answer is printed. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';

const question = JSON.parse(readFileSync(JSON.parse(process.argv[2]).file, 'utf8'));
const answer = await { idle, push, deliver }[question.measure](question);
process.stdout.write(JSON.stringify(answer), () => process.exit(0));

async function open(url) {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true });
  socket.on('error', () => undefined);
  await new Promise((resolve, reject) => socket.once('message', resolve).once('close', () => reject(new Error('a socket was closed'))));
  return socket;
}

async function openAll(urls) {
  const sockets = [];
  for (let n = 0; n < urls.length; n += 50) sockets.push(...(await Promise.all(urls.slice(n, n + 50).map(open))));
  return sockets;
}

/** Kilobytes of the server per idle socket, beyond the first few hundred. */
async function idle({ pid, urls, count }) {
  const residentKb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const take = (length, from = 0) => Array.from({ length }, (_, n) => urls[(from + n) % urls.length]);
  await openAll(take(300));
  await pause(3_000);
  const before = residentKb();
  await openAll(take(count, 300));
  await pause(5_000);
  return { kilobytes: (residentKb() - before) / count };
}

/** Frames a second that arrive at all others while one writes, a few messages ahead of them. */
async function push({ urls, payload, seconds, ahead }) {
  const [writer, ...readers] = await openAll(urls);
  let arrived = 0;
  let written = 0;
  const write = () => {
    while (written * readers.length < arrived + ahead * readers.length) {
      writer.send(JSON.stringify({ type: 'group_message', payload: { ...payload, number: written++ } }));
    }
  };
  for (const reader of readers) {
    reader.on('message', (data) => {
      if (data.includes('"new_group_message"')) arrived++;
    });
  }
  const pump = setInterval(write, 1);
  await pause(1_000);
  const [from, at] = [arrived, performance.now()];
  await pause(seconds * 1_000);
  const perSecond = ((arrived - from) * 1_000) / (performance.now() - at);
  clearInterval(pump);
  return { perSecond };
}

/** From the frame of a sender to the frame of its recipient, ms: as fast as they go, or so many a second. */
async function deliver({ pairs, seconds, inFlight, perSecond }) {
  const all = await openAll(pairs.flatMap(({ from, to }) => [from.url, to.url]));
  const begun = new Map();
  const times = [];
  let number = 0;
  const say = (n) => {
    const content = `${process.pid}-${number++}`;
    begun.set(content, performance.now());
    all[2 * n].send(JSON.stringify({ type: 'message', payload: { recipient_id: pairs[n].to.id, encrypted_content: content } }));
  };
  pairs.forEach((_, n) => {
    all[2 * n + 1].on('message', (data) => {
      const [, content] = /"encrypted_content":"([^"]*)"/.exec(data.toString('utf8')) ?? [];
      if (!begun.has(content)) return;
      times.push(performance.now() - begun.get(content));
      begun.delete(content);
      if (!perSecond) say(n);
    });
  });
  let pump;
  if (perSecond) {
    const started = performance.now();
    pump = setInterval(() => {
      while (number < ((performance.now() - started) / 1_000) * perSecond) say(number % pairs.length);
    }, 1);
  } else for (let n = 0; n < inFlight; n++) say(n % pairs.length);
  await pause(1_000);
  times.length = 0;
  await pause(seconds * 1_000);
  clearInterval(pump);
  return { perSecond: times.length / seconds, times: times.sort((a, b) => a - b) };
}
