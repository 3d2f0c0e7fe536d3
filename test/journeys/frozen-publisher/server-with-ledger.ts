/**
 * The server, whose message domain has one subscriber more: it writes down which process was told of each message, and has one effect
 * for it. The test holds the gate to freeze a process between the two.
 */
import 'reflect-metadata';
import { messageSent } from '@banyan/message/contract';
import { loadSettings } from '@banyan/platform/config/settings';
import { sql } from '@banyan/platform/database/sql';
import { Inbox } from '@banyan/platform/events/inbox';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { Client } from 'pg';
import { domainTable } from '../../../apps/server/src/domains';
import { startServer } from '../../../apps/server/src/server';
import { GATE } from './gate';

@Subscriber('message')
class Ledger {
  constructor(private readonly inbox: Inbox) {}

  @On(messageSent)
  async count(sent: Delivered<typeof messageSent>): Promise<void> {
    const { message_id } = sent.data;
    await throughGate(message_id);
    await this.inbox.once(sent, (tx) => tx.query(sql`INSERT INTO effects (message_id, pid) VALUES (${message_id}, ${process.pid})`));
  }
}

async function throughGate(messageId: string): Promise<void> {
  const client = new Client({ connectionString: process.env.MESSAGE_DATABASE_URL });
  await client.connect();
  await client.query('INSERT INTO banyan_message.told (message_id, pid) VALUES ($1, $2)', [messageId, process.pid]);
  await client.query('SELECT pg_advisory_lock_shared($1)', [GATE]);
  await client.end();
}

@Module({ imports: [domainTable.message.module], providers: [...dataOf('message'), Ledger] })
class MessageWithLedger {}

Object.assign(domainTable.message, { module: MessageWithLedger });

startServer(loadSettings(process.env)).then(
  ({ url, stop }) => {
    process.on('SIGTERM', () => void stop().then(() => process.exit(0)));
    console.log(`API    ${url}/api/v1`);
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
