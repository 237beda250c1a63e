import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What tells that a resource needs no destroying: how often it was claimed, since at the first claim of one that is to be
 * built nobody can have begun to (what is there already counts as begun); and whether an admin has given it up.
 */
export class GivenUp1764140000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE resources ADD COLUMN claims integer NOT NULL DEFAULT 1, ADD COLUMN given_up boolean NOT NULL DEFAULT false;
      ALTER TABLE resources ALTER COLUMN claims SET DEFAULT 0;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE resources DROP COLUMN claims, DROP COLUMN given_up');
  }
}
