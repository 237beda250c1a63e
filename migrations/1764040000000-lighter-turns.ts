import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Takes from each grant and each release what it need not pay for: an entry in every index, and a look at its tier. And
 * lets a statement refuse itself, so that its commit can be sent along with it.
 */
export class LighterTurns1764040000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What an event is about is known of whole stretches of the log, written when a stretch is full: no event pays for it.
      DROP INDEX events_lease;
      DROP INDEX events_resource;
      DROP INDEX events_consumer;
      CREATE INDEX events_about ON events
        USING brin (lease text_bloom_ops, resource text_bloom_ops, consumer text_bloom_ops)
        WITH (pages_per_range = 32, autosummarize = on);

      -- One index for the id, and for the tier that a lease must share. An id is unique by how it is drawn.
      ALTER TABLE leases DROP CONSTRAINT leases_resource_id_tier_fkey;
      ALTER TABLE resources DROP CONSTRAINT resources_id_tier_key, DROP CONSTRAINT resources_pkey, ADD PRIMARY KEY (id, tier);
      ALTER TABLE leases ADD FOREIGN KEY (resource_id, tier) REFERENCES resources (id, tier);

      -- The tier of a lease is that of its consumer or blueprint, and a tier is for ever.
      ALTER TABLE leases DROP CONSTRAINT leases_tier_fkey;

      CREATE FUNCTION refuse() RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'what the statement was to change has changed meanwhile' USING ERRCODE = 'BE001';
      END $$;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
