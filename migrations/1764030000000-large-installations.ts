import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What large installations need, at no cost to a lease that is granted at once: those for whom something is being built
 * or reclaimed are found without reading the queue.
 */
export class LargeInstallations1764030000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX leases_promised ON leases (tier, type) WHERE state = 'pending' AND waiting IN ('allocating', 'reclaiming');
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
