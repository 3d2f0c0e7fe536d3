import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { Settings } from '@banyan/platform/config/table';
import { type DeadLetter, type DeadLetterBox, DeadLetters } from '@banyan/platform/events/dead-letters';
import { BrokerUnavailable } from '@banyan/platform/events/rabbitmq/broker-unavailable';
import { RabbitmqDeadLetters } from '@banyan/platform/events/rabbitmq/rabbitmq.dead-letters';
import { Topology } from '@banyan/platform/events/rabbitmq/topology';
import { closeRabbit, connectRabbit } from '@banyan/platform/rabbitmq/connection';
import { createLogger } from '@banyan/platform/telemetry/log';
import { withDomainDatabase } from './databases';

/** What the subscribers of each domain could not handle. @throws StartupError where there is a broker, and it does not answer */
export async function withDeadLetters<T>(settings: Settings, work: (of: (domain: DomainName) => DeadLetterBox) => Promise<T>): Promise<T> {
  const { AMQP_URL: url } = settings;
  if (url === undefined) return work((domain) => new DomainLetters(settings, domain));
  const connection = await connectRabbit({ url, name: 'banyan cli', log: createLogger({ level: 'silent' }) });
  const letters = new RabbitmqDeadLetters(connection, new Topology([]));
  try {
    return await work((domain) => new DomainLetters(settings, domain, letters));
  } catch (error) {
    if (!(error instanceof BrokerUnavailable)) throw error;
    throw new StartupError(`RabbitMQ at ${new URL(url).host} does not show its dead letters: ${error.message}.`, { cause: error });
  } finally {
    letters.close();
    await closeRabbit(connection);
  }
}

/** They lie in the domain's database while events stay in the process, and in the broker when they go through that: both are looked into. */
class DomainLetters implements DeadLetterBox {
  constructor(
    private readonly settings: Settings,
    private readonly domain: DomainName,
    private readonly broker?: RabbitmqDeadLetters,
  ) {}

  async list(limit: number): Promise<DeadLetter[]> {
    const letters = [...((await this.broker?.list(limit, this.domain)) ?? []), ...(await this.stored((box) => box.list(limit), []))];
    return letters.sort((a, b) => (a.failed_at < b.failed_at ? -1 : 1)).slice(0, limit);
  }

  async replay(eventId: string | 'all'): Promise<number> {
    return ((await this.broker?.replay(eventId, this.domain)) ?? 0) + (await this.stored((box) => box.replay(eventId), 0));
  }

  private stored<T>(work: (box: DeadLetterBox) => Promise<T>, none: T): Promise<T> {
    const { database } = domains[this.domain] as DomainEntry;
    if (!database) return Promise.resolve(none);
    return withDomainDatabase(this.settings, this.domain, (found) => work(new DeadLetters(found)));
  }
}
