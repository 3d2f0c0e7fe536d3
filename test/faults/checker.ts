import type { Invocation, Seen, Step } from './history';

/**
 * - `lost`: accepted (or seen by somebody) and not where it must be, or gone from a queue without an acknowledgement
 * - `late`: accepted, acknowledged by nobody, and missing in an answer of its queue, though not for ever
 * - `doubled`: twice in one answer, or two messages for one key
 * - `invented`: seen without having been sent, by somebody it was not for, or altered
 * - `redelivered`: in a queue after its acknowledgement
 * - `reordered`: two messages of one sender, sent one after the other, seen the other way round
 * - `refused`: the sender was told, each time, that nothing had happened, and it is there
 * - `unread`: the history does not show enough to judge the message
 */
export type Fault = 'lost' | 'late' | 'doubled' | 'invented' | 'redelivered' | 'reordered' | 'refused' | 'unread';

export interface Violation {
  readonly fault: Fault;
  /** The content of the message. */
  readonly key: string;
  readonly text: string;
}

type Asked<A extends Invocation['ask']> = Extract<Invocation, { ask: A }>;
type StepOf<A extends Invocation['ask']> = Step & { readonly asked: Asked<A> };

/** Everything known about one send: its attempts in the order in which they began. */
interface Sent {
  readonly key: string;
  readonly from: string;
  /** A user, who has it in his queue then; or a group. */
  readonly to: string;
  readonly attempts: StepOf<'send' | 'post'>[];
  /** When the first answer came that shows that it is there: to its sender, or to whoever saw it. */
  knownAt: number;
  /** As that answer calls it. */
  id: string | undefined;
}

interface Reading {
  readonly step: StepOf<'pending' | 'conversation' | 'history'>;
  readonly messages: readonly Seen[];
  readonly contents: ReadonlySet<string>;
}

export interface Judged {
  readonly steps: readonly Step[];
  readonly settledAt: number;
  /**
   * A monolith served a part, and it or its database died. What it has not confirmed it may have in its memory and not in its database,
   * or the other way round, so that it is seen and gone again, or in one place only. What was confirmed is judged as ever.
   */
  readonly isConfirmedOnly?: boolean;
}

/**
 * Judges a history (`settledAt` as in History). Only what follows from the order of beginnings and ends is judged; steps that
 * overlap may have happened in either order.
 *
 * @returns each violation once per message
 */
export function check({ steps, settledAt, isConfirmedOnly = false }: Judged): Violation[] {
  const found = new Map<string, Violation>();
  const report = (fault: Fault, key: string, text: string) => {
    if (!found.has(`${fault} ${key}`)) found.set(`${fault} ${key}`, { fault, key, text });
  };
  const readings = readingsOf(steps);
  const sent = sendsOf(steps, readings, settledAt);
  const acknowledgements = acknowledgementsOf(steps);
  checkAnswers(sent, report);
  for (const reading of readings) {
    checkOrigin(reading, sent, report);
    checkOrder(reading, sent, report);
    if (reading.step.asked.ask === 'pending') checkRedelivered(reading, acknowledgements, report);
  }
  checkRefused(sent, readings, report);
  const kept = isConfirmedOnly ? confirmedOf(sent) : sent;
  checkConversations(kept, readings, settledAt, report);
  checkQueues(kept, readings, acknowledgements, settledAt, report);
  checkLate(sent, readings, acknowledgements, report);
  return [...found.values()].filter(({ fault, key }) => fault !== 'late' || !found.has(`lost ${key}`));
}

type Report = (fault: Fault, key: string, text: string) => void;

function sendsOf(steps: readonly Step[], readings: readonly Reading[], settledAt: number): Map<string, Sent> {
  const sent = new Map<string, Sent>();
  for (const step of [...steps].sort((a, b) => a.began - b.began)) {
    if (!isAsked(step, 'send') && !isAsked(step, 'post')) continue;
    const { key, user: from, to } = step.asked;
    const one = sent.get(key) ?? { key, from, to, attempts: [], knownAt: Infinity, id: undefined };
    sent.set(key, one);
    one.attempts.push(step);
    if (step.answer.told === 'accepted') learn(one, step.answer.id, step.ended);
  }
  for (const { step, messages } of readings) {
    for (const { id, content } of messages) {
      const one = sent.get(content);
      // What is seen in the end was there when nothing was under way any more: all of the last readings must agree on it.
      if (one) learn(one, id, Math.min(step.ended, settledAt));
    }
  }
  return sent;
}

function confirmedOf(sent: ReadonlyMap<string, Sent>): Map<string, Sent> {
  return new Map([...sent].filter(([, { attempts }]) => attempts.some(({ answer }) => answer.told === 'accepted')));
}

function learn(one: Sent, id: string, at: number): void {
  if (at >= one.knownAt) return;
  one.knownAt = at;
  one.id = id;
}

function readingsOf(steps: readonly Step[]): Reading[] {
  return steps.flatMap((step) => {
    if (step.answer.told !== 'messages') return [];
    if (!isAsked(step, 'pending') && !isAsked(step, 'conversation') && !isAsked(step, 'history')) return [];
    const { messages } = step.answer;
    return [{ step, messages, contents: new Set(messages.map(({ content }) => content)) }];
  });
}

/** By message id; only the recipient's own, nobody else's means anything. */
function acknowledgementsOf(steps: readonly Step[]): Map<string, StepOf<'acknowledge'>[]> {
  const byId = new Map<string, StepOf<'acknowledge'>[]>();
  for (const step of steps) {
    if (isAsked(step, 'acknowledge')) byId.set(step.asked.id, [...(byId.get(step.asked.id) ?? []), step]);
  }
  return byId;
}

function isAsked<A extends Invocation['ask']>(step: Step, ask: A): step is StepOf<A> {
  return step.asked.ask === ask;
}

/** One key, one message. */
function checkAnswers(sent: ReadonlyMap<string, Sent>, report: Report): void {
  for (const { key, attempts, id } of sent.values()) {
    for (const { answer } of attempts) {
      if (answer.told === 'accepted' && answer.id !== id) report('doubled', key, `known as ${id}, accepted as ${answer.id}`);
    }
  }
}

function checkOrigin({ step, messages }: Reading, sent: ReadonlyMap<string, Sent>, report: Report): void {
  const { asked } = step;
  const ids = new Map<string, string>();
  for (const { id, from, to, content } of messages) {
    const origin = sent.get(content);
    const where = `in the ${asked.ask} of ${asked.user}`;
    if (ids.has(content)) report('doubled', content, `${id} and ${ids.get(content)} ${where}`);
    ids.set(content, id);
    if (!origin) report('invented', content, `${id} ${where} was never sent`);
    else if (origin.from !== from || origin.to !== to || !isFor(asked, from, to))
      report('invented', content, `${id} ${where} goes from ${from} to ${to}`);
    else if (origin.attempts[0]!.began > step.ended) report('invented', content, `${id} ${where} before it was sent`);
    else if (origin.id !== undefined && origin.id !== id) report('doubled', content, `known as ${origin.id}, ${id} ${where}`);
  }
}

function isFor(asked: Reading['step']['asked'], from: string, to: string): boolean {
  if (asked.ask === 'pending') return to === asked.user;
  if (asked.ask === 'history') return to === asked.group;
  return [from, to].sort().join() === [asked.user, asked.other].sort().join();
}

/** In an answer, each sender's messages stand in the order in which he sent them, as far as one was known before he began the next. */
function checkOrder({ step, messages }: Reading, sent: ReadonlyMap<string, Sent>, report: Report): void {
  // No message that follows may have been known before this one was begun: looking from the end, that is one number per sender.
  const earliest = new Map<string, Sent>();
  for (const { content } of [...messages].reverse()) {
    const one = sent.get(content);
    if (!one) continue;
    const after = earliest.get(one.from);
    if (after && after.knownAt < one.attempts[0]!.began) {
      report('reordered', content, `stands before ${after.key} in the ${step.asked.ask} of ${step.asked.user}, and was sent after it`);
    }
    if (!after || one.knownAt < after.knownAt) earliest.set(one.from, one);
  }
}

function checkRedelivered(
  { step, messages }: Reading,
  acknowledgements: ReadonlyMap<string, StepOf<'acknowledge'>[]>,
  report: Report,
): void {
  for (const { id, content } of messages) {
    for (const { asked, answer, ended } of acknowledgements.get(id) ?? []) {
      const isGone = answer.told === 'deleted' || answer.told === 'not_found';
      if (isGone && asked.user === step.asked.user && ended < step.began) {
        report('redelivered', content, `${id} was acknowledged (${answer.told}) at ${ended} and delivered at ${step.began}`);
      }
    }
  }
}

/** A refusal promises that nothing happened. */
function checkRefused(sent: ReadonlyMap<string, Sent>, readings: readonly Reading[], report: Report): void {
  const refused = [...sent.values()].filter(({ attempts }) => attempts.every(({ answer }) => answer.told === 'refused'));
  for (const { key } of refused) {
    if (readings.some(({ contents }) => contents.has(key))) report('refused', key, 'was refused each time, and is there');
  }
}

/** Once a message is known to be there, both sides see it in the conversation, and everybody in the history of the group. */
function checkConversations(sent: ReadonlyMap<string, Sent>, readings: readonly Reading[], settledAt: number, report: Report): void {
  const places = new Map<string, Reading[]>();
  for (const reading of readings) {
    const { asked } = reading.step;
    if (asked.ask === 'pending') continue;
    const place = asked.ask === 'history' ? asked.group : `${asked.user} ${asked.other}`;
    places.set(place, [...(places.get(place) ?? []), reading]);
  }
  for (const { key, from, to, attempts, knownAt } of sent.values()) {
    if (knownAt === Infinity) continue;
    for (const place of isPost(attempts) ? [to] : [`${from} ${to}`, `${to} ${from}`]) {
      const after = (places.get(place) ?? []).filter(({ step }) => step.began > knownAt);
      const missing = after.find(({ contents }) => !contents.has(key));
      if (missing) {
        const { asked, began } = missing.step;
        report('lost', key, `known at ${knownAt}, not in the ${asked.ask} that ${asked.user} read at ${began}`);
      }
      if (!after.some(({ step }) => step.began > settledAt)) report('unread', key, `nobody read ${place} in the end`);
    }
  }
}

/** Groups have no queues. */
const isPost = (attempts: Sent['attempts']): boolean => attempts[0]!.asked.ask === 'post';

/** In the end a message waits for its recipient if he has not acknowledged it; who acknowledges twice hears of it once. */
function checkQueues(
  sent: ReadonlyMap<string, Sent>,
  readings: readonly Reading[],
  acknowledgements: ReadonlyMap<string, StepOf<'acknowledge'>[]>,
  settledAt: number,
  report: Report,
): void {
  const last = new Map(
    readings
      .filter(({ step }) => step.asked.ask === 'pending' && step.began > settledAt)
      .map((reading) => [reading.step.asked.user, reading]),
  );
  for (const { key, to, id, attempts, knownAt } of sent.values()) {
    if (id === undefined || isPost(attempts)) continue;
    const own = (acknowledgements.get(id) ?? []).filter(({ asked, answer }) => asked.user === to && answer.told !== 'refused');
    const queue = last.get(to);
    if (!queue) report('unread', key, `nobody read the queue of ${to} in the end`);
    else if (own.length === 0 && !queue.contents.has(key)) report('lost', key, `known at ${knownAt}, never acknowledged, not pending`);
    for (const denied of own) {
      const isExplained = own.some((other) => other !== denied && other.began < denied.ended && other.answer.told !== 'not_found');
      if (denied.answer.told === 'not_found' && denied.began > knownAt && !isExplained) {
        report('lost', key, `known at ${knownAt}, unknown to the first who acknowledged it at ${denied.began}`);
      }
    }
  }
}

/** From the answer to its sender on, a message is in its queue until somebody acknowledges it. */
function checkLate(
  sent: ReadonlyMap<string, Sent>,
  readings: readonly Reading[],
  acknowledgements: ReadonlyMap<string, StepOf<'acknowledge'>[]>,
  report: Report,
): void {
  const queues = readings.filter(({ step }) => step.asked.ask === 'pending');
  for (const { key, to, id, attempts } of sent.values()) {
    if (id === undefined || isPost(attempts)) continue;
    const acceptedAt = Math.min(...attempts.filter(({ answer }) => answer.told === 'accepted').map(({ ended }) => ended));
    const firstAcknowledged = Math.min(...(acknowledgements.get(id) ?? []).map(({ began }) => began));
    const missing = queues.find(
      ({ step, contents }) => step.asked.user === to && step.began > acceptedAt && step.ended < firstAcknowledged && !contents.has(key),
    );
    if (missing) report('late', key, `accepted at ${acceptedAt}, not in the queue of ${to} at ${missing.step.began}`);
  }
}
