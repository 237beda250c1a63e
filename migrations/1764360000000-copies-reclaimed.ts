import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A working copy that was reclaimed is found also when it is gone: its host may not be free yet. */
export class CopiesReclaimed1764360000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX resources_reclaimed;
      CREATE INDEX resources_reclaimed ON resources (reclaimed_for) WHERE reclaimed_for IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX resources_reclaimed;
      CREATE INDEX resources_reclaimed ON resources (reclaimed_for) WHERE reclaimed_for IS NOT NULL AND state <> 'destroyed';
    `);
  }
}
