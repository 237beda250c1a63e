import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is due is looked for by state: what begins, what ends and what makes ready again are claimed apart. */
export class Lanes1764220000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX leases_due;
      CREATE INDEX leases_due ON leases (state, due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
      DROP INDEX resources_due;
      CREATE INDEX resources_due ON resources (state, due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX resources_due;
      CREATE INDEX resources_due ON resources (due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
      DROP INDEX leases_due;
      CREATE INDEX leases_due ON leases (due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
    `);
  }
}
