import type { MigrationInterface, QueryRunner } from 'typeorm';

/** That a command is to end: its runner looks for it where it did not hear of it. */
export class Cancels1764350000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands ADD COLUMN cancelled boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP COLUMN cancelled');
  }
}
