import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How often a resource was claimed: at the first claim of one that is to be built nobody can have begun to. What is there
 * already counts as begun.
 */
export class ClaimsCounted1764140000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE resources ADD COLUMN claims integer NOT NULL DEFAULT 1;
      ALTER TABLE resources ALTER COLUMN claims SET DEFAULT 0;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE resources DROP COLUMN claims');
  }
}
