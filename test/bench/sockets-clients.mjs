/** Clients of a server, in a process of their own: `argv[2]` as JSON names the file of the question, the answer is printed. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';

const question = JSON.parse(readFileSync(JSON.parse(process.argv[2]).file, 'utf8'));
const answer = await { idle, push, crowd, deliver }[question.measure](question);
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

/** Until it holds, looked at every few milliseconds. @throws Error when it does not within half a minute: something was lost */
async function until(holds, what) {
  for (const began = performance.now(); !holds(); await pause(5)) if (performance.now() - began > 30_000) throw new Error(what());
}

/** Frames a second that arrive at all others while one writes, a few messages ahead of them. @throws Error when one does not arrive */
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
  const pushes = written * readers.length;
  await until(
    () => arrived >= pushes,
    () => `${pushes - arrived} of ${pushes} pushes did not arrive`,
  );
  if (arrived > pushes) throw new Error(`${arrived - pushes} pushes arrived twice`);
  return { perSecond, pushes };
}

/** One after the other says something, as often as `times`. @returns for each: ms until the last of all others has it */
async function crowd({ urls, payload, times }) {
  const sockets = await openAll(urls);
  let waiting = 0;
  let lastHasIt;
  for (const socket of sockets)
    socket.on('message', (data) => {
      if (data.includes('"new_group_message"') && --waiting === 0) lastHasIt();
    });
  const took = [];
  for (let n = 0; n < times; n++) {
    waiting = sockets.length - 1;
    const all = new Promise((resolve) => (lastHasIt = resolve));
    const began = performance.now();
    sockets[n].send(JSON.stringify({ type: 'group_message', payload: { ...payload, number: n } }));
    await all;
    took.push(performance.now() - began);
  }
  return { took };
}

/**
 * From the frame of a sender to the frame of its recipient, ms: as fast as they go, or so many a second. What fell due while it was measured
 * counts, from when it fell due until it arrives, however late that is. @throws Error when one does not arrive
 */
async function deliver({ pairs, seconds, inFlight, perSecond }) {
  const all = await openAll(pairs.flatMap(({ from, to }) => [from.url, to.url]));
  const due = new Map();
  const began = performance.now();
  const [from, to] = [began + 1_000, began + (1 + seconds) * 1_000];
  const times = [];
  let arrived = 0;
  let number = 0;
  let hasEnded = false;
  const say = (n, at = performance.now()) => {
    const content = `${process.pid}-${number++}`;
    due.set(content, at);
    all[2 * n].send(JSON.stringify({ type: 'message', payload: { recipient_id: pairs[n].to.id, encrypted_content: content } }));
  };
  pairs.forEach((_, n) => {
    all[2 * n + 1].on('message', (data) => {
      const [, content] = /"encrypted_content":"([^"]*)"/.exec(data.toString('utf8')) ?? [];
      if (!due.has(content)) return;
      const [at, now] = [due.get(content), performance.now()];
      due.delete(content);
      if (at >= from && at < to) times.push(now - at);
      if (now >= from && now < to) arrived++;
      if (!perSecond && !hasEnded) say(n);
    });
  });
  let pump;
  if (perSecond) {
    const dueAt = (n) => began + (n / perSecond) * 1_000;
    pump = setInterval(() => {
      while (dueAt(number) <= performance.now()) say(number % pairs.length, dueAt(number));
    }, 1);
  } else for (let n = 0; n < inFlight; n++) say(n % pairs.length);
  await pause(to - performance.now());
  clearInterval(pump);
  hasEnded = true;
  await until(
    () => due.size === 0,
    () => `${due.size} of ${number} messages did not arrive`,
  );
  return { perSecond: arrived / seconds, times: times.sort((a, b) => a - b) };
}
