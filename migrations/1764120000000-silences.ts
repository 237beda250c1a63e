import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Endpoints and machines that did not answer when they were last asked, since when and why: so that whoever watches sees
 * them without asking each, and a machine that shows another host key stays an alarm until it is answered.
 */
export class Silences1764120000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE silences (
        blueprint text NOT NULL REFERENCES blueprints (name) ON DELETE CASCADE,
        -- The machine's name; empty: the endpoint as a whole.
        place     text NOT NULL,
        code      text NOT NULL,
        reason    text NOT NULL,
        since     timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (blueprint, place)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE silences');
  }
}
