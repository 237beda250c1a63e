import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What tells the secret keys of the processes apart, and nothing of them: those that live at a time have the same. */
export class OneKey1764340000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE processes ADD COLUMN key_print bytea');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE processes DROP COLUMN key_print');
  }
}
