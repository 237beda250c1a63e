import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a line last got something of which blueprint: who waits for another grows old meanwhile. */
export class LinesByBlueprint1764330000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE lines ADD COLUMN blueprint text NOT NULL DEFAULT '';
      ALTER TABLE lines ALTER COLUMN blueprint DROP DEFAULT;
      ALTER TABLE lines DROP CONSTRAINT lines_pkey;
      ALTER TABLE lines ADD PRIMARY KEY (tier, type, object_kind, object_name, priority, blueprint)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM lines l USING lines later
       WHERE (l.tier, l.type, l.object_kind, l.object_name, l.priority)
           = (later.tier, later.type, later.object_kind, later.object_name, later.priority)
         AND (l.served_at, l.blueprint) < (later.served_at, later.blueprint);
      ALTER TABLE lines DROP COLUMN blueprint;
      ALTER TABLE lines ADD PRIMARY KEY (tier, type, object_kind, object_name, priority)`);
  }
}
