import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What pruning needs: rows found by their age, and what refers to them found without reading whole tables, also by the
 * foreign keys' own checks. And which processes live, so that an outage is
 * known for one; and which token is the variable's.
 */
export class Housekeeping1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX leases_ended ON leases (destroyed_at) WHERE state = 'destroyed';
      CREATE INDEX leases_resource ON leases (resource_id) WHERE resource_id IS NOT NULL;
      CREATE INDEX resources_ended ON resources (blueprint, ended_at) WHERE state = 'destroyed';
      CREATE INDEX commands_ended ON commands (ended_at) WHERE ended_at IS NOT NULL;
      CREATE INDEX operations_ended ON operations (ended_at) WHERE ended_at IS NOT NULL;
      CREATE INDEX operations_lease ON operations (lease_id) WHERE lease_id IS NOT NULL;
      CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

      -- Broker processes, and until when each is believed to live. The last ones stay when all have ended: they say since when.
      CREATE TABLE processes (
        id            text PRIMARY KEY,
        started_at    timestamptz NOT NULL DEFAULT now(),
        alive_until   timestamptz NOT NULL
      );

      -- The token that BERTH_ADMIN_TOKEN holds is valid as long as it does. Those that came so far from there, or from the
      -- data directory, are the ones that nobody created by the API; a start tells the latter apart.
      ALTER TABLE tokens ADD COLUMN from_environment boolean NOT NULL DEFAULT false;
      UPDATE tokens SET from_environment = true
       WHERE kind = 'person' AND name = 'admin'
         AND NOT EXISTS (SELECT FROM events WHERE kind = 'token.created' AND data ->> 'id' = tokens.id);

      -- The newest event that was pruned: whoever goes on from an older one has missed something, and is told so.
      ALTER TABLE installation ADD COLUMN pruned_xid xid8, ADD COLUMN pruned_seq bigint;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
