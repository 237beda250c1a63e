import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who was served when, so that turns are fair over time and not only at an instant; and fewer index entries for each
 * grant and release, because those are most of what a turn costs.
 *
 * `resources_live` is a part of `resources_slot`; of host leases and of what they carry only those that are there need
 * finding; and events of a blueprint are read in the order of the log.
 */
export class Turns1763820000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The line of one object at one priority in one pool, and when it last got something. Without a row: never yet.
      CREATE TABLE lines (
        tier          text NOT NULL REFERENCES tiers (name) ON DELETE CASCADE,
        type          text NOT NULL CHECK (type IN ('host', 'working-copy')),
        object_kind   text NOT NULL CHECK (object_kind IN ('consumer', 'blueprint')),
        object_name   text NOT NULL,
        priority      integer NOT NULL,
        served_at     timestamptz NOT NULL,
        PRIMARY KEY (tier, type, object_kind, object_name, priority)
      ) WITH (fillfactor = 50);

      -- A queue is read line by line, each from its front.
      DROP INDEX leases_waiting;
      CREATE INDEX leases_waiting ON leases (tier, type, object_kind, object_name, priority, seq) INCLUDE (id)
        WHERE state = 'pending';

      DROP INDEX leases_live;
      CREATE INDEX leases_live ON leases (object_kind, object_name) WHERE state IN ('acquired', 'active');
      CREATE INDEX resources_unclean ON resources (blueprint)
        WHERE state = 'active' AND leases = 0 AND hygiene IN ('dirty', 'cleaning');

      DROP INDEX resources_live;
      DROP INDEX resources_host_lease;
      CREATE INDEX resources_host_lease ON resources (host_lease_id) WHERE state <> 'destroyed' AND host_lease_id IS NOT NULL;
      DROP INDEX leases_for_resource;
      CREATE INDEX leases_for_resource ON leases (for_resource) WHERE state <> 'destroyed' AND for_resource IS NOT NULL;
      DROP INDEX events_blueprint;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX events_blueprint ON events (blueprint, xid, seq) WHERE blueprint IS NOT NULL;
      DROP INDEX leases_for_resource;
      CREATE INDEX leases_for_resource ON leases (for_resource) WHERE state <> 'destroyed';
      DROP INDEX resources_host_lease;
      CREATE INDEX resources_host_lease ON resources (host_lease_id) WHERE state <> 'destroyed';
      CREATE INDEX resources_live ON resources (blueprint) WHERE state <> 'destroyed';
      DROP INDEX resources_unclean;
      DROP INDEX leases_live;
      CREATE INDEX leases_live ON leases (object_name) WHERE state IN ('acquired', 'active') AND object_kind = 'consumer';
      DROP INDEX leases_waiting;
      CREATE INDEX leases_waiting ON leases (tier, type, priority DESC, seq) WHERE state = 'pending';
      DROP TABLE lines;
    `);
  }
}
