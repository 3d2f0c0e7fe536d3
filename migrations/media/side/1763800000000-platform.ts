import { createPlatformTables, dropPlatformTables } from '@banyan/platform/database/side-tables';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Platform1763800000000 implements MigrationInterface {
  up(runner: QueryRunner): Promise<void> {
    return createPlatformTables(runner);
  }

  down(runner: QueryRunner): Promise<void> {
    return dropPlatformTables(runner);
  }
}
