import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What leases give to their commands is sealed from now on; `leases.env` stays for those that were made before. Of a
 * command neither its environment nor its stdin is kept: nobody ever read them.
 */
export class SealedEnvironments1764130000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE leases ADD COLUMN sealed_env bytea');
    await runner.query('ALTER TABLE commands DROP COLUMN env, DROP COLUMN stdin');
    await runner.query(`UPDATE leases SET env = '{}' WHERE env <> '{}' AND state = 'destroyed'`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
