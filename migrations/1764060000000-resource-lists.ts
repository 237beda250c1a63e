import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds what is over of one blueprint among the resources of all. A resource enters it once, when it is destroyed. */
export class ResourceLists1764060000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX resources_over ON resources (blueprint, id) WHERE state = 'destroyed'`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations are not undone: restore the backup made before.');
  }
}
