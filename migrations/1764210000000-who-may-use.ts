import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who may use a blueprint, in the order in which those who wait are found: the two are gone through side by side. */
export class WhoMayUse1764210000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX authorizations_of_blueprint ON authorizations (blueprint, object_kind, object_name);
      DROP INDEX authorizations_blueprint_idx;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX authorizations_blueprint_idx ON authorizations (blueprint);
      DROP INDEX authorizations_of_blueprint;
    `);
  }
}
