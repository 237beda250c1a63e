import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a failed build last counted: those that were begun before it are of the same round, and don't count again. */
export class RoundsOfBuilds1764300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blueprints ADD COLUMN failed_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blueprints DROP COLUMN failed_at');
  }
}
