import type { MigrationInterface, QueryRunner } from 'typeorm';

/** With the index of conversations, which begins with the lesser of the two, this finds every message of one user: when he is removed. */
export class MessagesOfOne1763800010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX messages_of_one ON banyan_message.messages (greatest(sender_id, recipient_id))');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX banyan_message.messages_of_one');
  }
}
