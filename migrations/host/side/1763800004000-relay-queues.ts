import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a queue of messages, the monolith's or ours, was seen empty while nothing could come into it any more. That holds for the route
 * of relay that was in force then and for no other.
 */
export class RelayQueues1763800004000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE banyan_host.relay_queues (
        side        text PRIMARY KEY CHECK (side IN ('legacy', 'own')),
        empty_under text NOT NULL,
        seen_at     timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE banyan_host.relay_queues');
  }
}
