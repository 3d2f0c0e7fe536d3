import { randomUUID } from 'node:crypto';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue, InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Frame } from './contract';
import { Presence } from './presence';
import { Whereabouts } from './whereabouts';

/** Whoever has been silent once is told, but not waited for, until he answers. */
const SILENT_MS = 30_000;
/** In one message to another process. */
const MAX_USERS = 5_000;
/** For more users than these each process is asked for its own, instead of each user for his. */
const FEW = 8;

/** A process that has not answered by then has died or is too busy for its sockets to count as reached. */
const ANSWER_MS = 500;

const Push = z.object({ id: z.string(), from: z.string(), user_id: z.string(), frame: Frame });
const PushMany = z.object({ user_ids: z.array(z.string()), frame: Frame });
const Pushed = z.object({ id: z.string(), by: z.string(), delivered: z.int() });

const ENDED = 'sockets.ended';
const Ended = z.object({ user_id: z.string(), session_id: z.string().nullable() });

interface Ears {
  deliver(userId: string, frame: Frame): number;
  end(userId: string, sessionId: string | null): void;
  onGap(): void;
}

interface Answers {
  readonly delivered: number;
  /** Every process that has some of the user's sockets has answered. */
  readonly isComplete: boolean;
}

interface Question {
  readonly waitingFor: Set<string>;
  delivered: number;
  done(): void;
}

/**
 * The sockets that end in other processes. Presence tells which processes those are; each is asked over a channel of the key-value
 * store, sends, and answers how many took it. Without an answer nothing is counted: the message waits in its queue all the same.
 */
@Injectable()
export class DistantSockets {
  /** This process, as connections name it. */
  readonly processId = randomUUID();
  private readonly questions = new Map<string, Question>();
  private readonly silentUntil = new Map<string, number>();
  private readonly unsubscribe: (() => Promise<void>)[] = [];

  constructor(
    private readonly presence: Presence,
    private readonly whereabouts: Whereabouts,
    @InjectKeyValue() private readonly keyvalue: KeyValue,
    @InjectLog() private readonly log: Logger,
  ) {}

  /**
   * @param deliver sends to this process's own sockets and says how many took it
   * @param end closes this process's own sockets of a session, or with null of a user
   * @param onGap called when this process hears others again after it may have missed something
   */
  async listen({ deliver, end, onGap }: Ears): Promise<void> {
    this.unsubscribe.push(
      await this.keyvalue.subscribe(
        ENDED,
        (text) => {
          const { user_id, session_id } = Ended.parse(JSON.parse(text));
          end(user_id, session_id);
        },
        onGap,
      ),
      await this.keyvalue.subscribe(`push:${this.processId}`, (text) => {
        const { id, from, user_id, frame } = Push.parse(JSON.parse(text));
        const answer = JSON.stringify({ id, by: this.processId, delivered: deliver(user_id, frame) } satisfies z.infer<typeof Pushed>);
        this.keyvalue.publish(`pushed:${from}`, answer).catch((error: unknown) => this.log.warn({ err: error }, 'a push is not answered'));
      }),
      await this.keyvalue.subscribe(`push-many:${this.processId}`, (text) => {
        const { user_ids, frame } = PushMany.parse(JSON.parse(text));
        for (const userId of user_ids) deliver(userId, frame);
      }),
      await this.keyvalue.subscribe(`pushed:${this.processId}`, (text) => this.noteAnswer(Pushed.parse(JSON.parse(text)))),
    );
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.unsubscribe.map((stop) => stop()));
  }

  /** @throws KeyValueUnavailable */
  async push(userId: string, frame: Frame): Promise<Answers> {
    const processes = new Set((await this.presence.connections(userId)).map(processOf));
    processes.delete(this.processId);
    processes.delete(undefined);
    if (processes.size === 0) return { delivered: 0, isComplete: true };
    const id = randomUUID();
    const answered = this.ask(id, processes as Set<string>);
    if ([...this.questions.get(id)!.waitingFor].every((process) => this.isSilent(process))) this.questions.get(id)!.done();
    const text = JSON.stringify({ id, from: this.processId, user_id: userId, frame } satisfies z.infer<typeof Push>);
    await Promise.all([...(processes as Set<string>)].map((process) => this.keyvalue.publish(`push:${process}`, text))).catch(
      (error: unknown) => {
        this.questions.get(id)?.done();
        throw error;
      },
    );
    return answered;
  }

  /** To each process that has some of these users' sockets, once for each 5,000 of them. @throws KeyValueUnavailable */
  async pushMany(userIds: readonly string[], frame: Frame): Promise<void> {
    const usersOf = userIds.length > FEW ? await this.whereabouts.find(userIds, this.processId) : await this.lookForEach(userIds);
    const publish = (process: string, user_ids: string[]) =>
      this.keyvalue.publish(`push-many:${process}`, JSON.stringify({ user_ids, frame } satisfies z.infer<typeof PushMany>));
    for (const [process, users] of usersOf)
      for (let from = 0; from < users.length; from += MAX_USERS) await publish(process, users.slice(from, from + MAX_USERS));
  }

  private async lookForEach(userIds: readonly string[]): Promise<Map<string, string[]>> {
    const connections = await Promise.all(userIds.map((userId) => this.presence.connections(userId)));
    const usersOf = new Map<string, string[]>();
    connections.forEach((own, index) => {
      for (const process of new Set(own.map(processOf))) {
        if (process === undefined || process === this.processId) continue;
        const users = usersOf.get(process) ?? [];
        usersOf.set(process, users);
        users.push(userIds[index]!);
      }
    });
    return usersOf;
  }

  /** Every process hears it: presence may not know of a socket that has just opened. @throws KeyValueUnavailable */
  async endSessions(userId: string, sessionId: string | null): Promise<void> {
    await this.keyvalue.publish(ENDED, JSON.stringify({ user_id: userId, session_id: sessionId } satisfies z.infer<typeof Ended>));
  }

  private ask(id: string, processes: ReadonlySet<string>): Promise<Answers> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const process of this.questions.get(id)?.waitingFor ?? []) this.silentUntil.set(process, Date.now() + SILENT_MS);
        this.questions.get(id)?.done();
      }, ANSWER_MS);
      const question: Question = {
        waitingFor: new Set(processes),
        delivered: 0,
        done: () => {
          clearTimeout(timer);
          this.questions.delete(id);
          resolve({ delivered: question.delivered, isComplete: question.waitingFor.size === 0 });
        },
      };
      this.questions.set(id, question);
    });
  }

  private isSilent(process: string): boolean {
    const until = this.silentUntil.get(process);
    if (until === undefined) return false;
    if (until > Date.now()) return true;
    this.silentUntil.delete(process);
    return false;
  }

  private noteAnswer({ id, by, delivered }: z.infer<typeof Pushed>): void {
    this.silentUntil.delete(by);
    const question = this.questions.get(id);
    if (!question?.waitingFor.delete(by)) return;
    question.delivered += delivered;
    if ([...question.waitingFor].every((process) => this.isSilent(process))) question.done();
  }
}

/** Of `<process>.<connection>`. */
function processOf(connectionId: string): string | undefined {
  const [process, connection] = connectionId.split('.');
  return connection === undefined ? undefined : process;
}
