import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Commands that were lost with their broker: their processes run on until somebody ends them. */
export class WhatLostCommandsLeft1764225000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE commands ADD COLUMN left_running boolean NOT NULL DEFAULT false;
      CREATE INDEX commands_left ON commands (lease_id) WHERE left_running;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE commands DROP COLUMN left_running`);
  }
}
