import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the sweep remembers: when each blueprint's endpoints are looked at next, and what was found there without a live
 * row, or not found though a row says it is there. Nothing is done on a first look, and a restart must not make a second
 * one of it: so the looks are here and not in a process.
 */
export class Sightings1763910000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- One row a blueprint, claimed like all that has a next step.
      CREATE TABLE sweeps (
        id            text PRIMARY KEY REFERENCES blueprints (name) ON DELETE CASCADE,
        swept_at      timestamptz,
        fault         text,
        due_at        timestamptz,
        claim         text,
        claimed_until timestamptz,
        attempts      integer NOT NULL DEFAULT 0
      );
      INSERT INTO sweeps (id, due_at) SELECT name, now() FROM blueprints;

      -- An orphan is one blueprint's to destroy, though the endpoint may be that of several: whose sweep saw it first.
      CREATE TABLE sightings (
        kind          text NOT NULL CHECK (kind IN ('orphan', 'missing')),
        resource      text NOT NULL,
        blueprint     text NOT NULL REFERENCES blueprints (name) ON DELETE CASCADE,
        name          text NOT NULL,
        place         text,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at  timestamptz NOT NULL DEFAULT now(),
        fault         text,
        PRIMARY KEY (kind, resource)
      );
      CREATE INDEX ON sightings (blueprint);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sightings; DROP TABLE sweeps');
  }
}
