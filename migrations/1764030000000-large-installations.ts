import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What large installations need, at no more entries for a lease than before. Those for whom something is being built or
 * reclaimed are found without reading the queue; and lists find what is over by consumer and by pool and blueprint, which
 * each lease enters once, when it is destroyed, where the index of all leases by consumer had an entry for each state.
 */
export class LargeInstallations1764030000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX leases_promised ON leases (tier, type) WHERE state = 'pending' AND waiting IN ('allocating', 'reclaiming');
      -- Few at a time, and only those that were used.
      CREATE INDEX leases_ending ON leases (id) WHERE state IN ('released', 'broken');
      DROP INDEX leases_object;
      CREATE INDEX leases_over_of ON leases (object_kind, object_name, id) WHERE state = 'destroyed';
      CREATE INDEX leases_over_in ON leases (tier, type, blueprint, id) WHERE state = 'destroyed';
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
