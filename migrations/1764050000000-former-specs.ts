import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keeps of an outdated resource what its blueprint said when it was built: where it is, and how to reach it. */
export class FormerSpecs1764050000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE resources ADD COLUMN former_spec jsonb');
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
