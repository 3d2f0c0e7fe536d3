import { createPublishedTable, dropPublishedTable } from '@banyan/platform/database/side-tables';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Published1763800002000 implements MigrationInterface {
  up(runner: QueryRunner): Promise<void> {
    return createPublishedTable(runner);
  }

  down(runner: QueryRunner): Promise<void> {
    return dropPublishedTable(runner);
  }
}
