import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import pino from 'pino';
import { createBroker } from '../../src/broker/broker.js';
import { DoctorService } from '../../src/broker/doctor.service.js';
import { Drivers } from '../../src/broker/drivers.js';
import { readConfig } from '../../src/config.js';
import { DEFAULT_PROFILE } from '../../src/domain/tier.js';
import { FakeDriver } from '../../src/drivers/fake.driver.js';
import { Database } from '../../src/store/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let sql: pg.Client;
let dataDir: string;
let containers: FakeDriver;
let doctor: DoctorService;

/** Two containers, one leased and one beneath a working copy; all as it must be. */
const WORLD = `
  INSERT INTO tiers (name, profile) VALUES ('low', '${JSON.stringify(DEFAULT_PROFILE)}'), ('high', '${JSON.stringify(DEFAULT_PROFILE)}');
  INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec) VALUES
    ('box', 'docker-host', 'low', 5, 2, 'tier', 0, '{}'),
    ('vault', 'docker-host', 'high', 5, 1, 'tier', 0, '{}'),
    ('trees', 'working-copy', 'low', 5, 1, 'tier', 0, '{"hosts": ["box"]}');
  INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ('step', 'build-step', 'low', '{box,trees}', 'ann');
  INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at) VALUES
    ('auth_1', 'consumer', 'step', 'box', 'authorized', 'ann', 'bob', now()),
    ('auth_2', 'blueprint', 'trees', 'box', 'authorized', 'ann', 'bob', now());
  INSERT INTO resources (id, type, blueprint, tier, state, slot, host_lease_id, leases, fence, uses) VALUES
    ('res_1', 'host', 'box', 'low', 'active', 0, NULL, 1, 1, 1),
    ('res_2', 'host', 'box', 'low', 'active', 1, NULL, 1, 1, 1),
    ('res_copy', 'working-copy', 'trees', 'low', 'active', 0, 'lease_host', 0, 0, 0);
  INSERT INTO leases (id, object_kind, object_name, for_resource, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence) VALUES
    ('lease_1', 'consumer', 'step', NULL, 'low', 'host', 'active', 60, 'box', 'res_1', 0, 1),
    ('lease_host', 'blueprint', 'trees', 'res_copy', 'low', 'host', 'active', 60, 'box', 'res_2', 0, 1)`;

const anotherLease = (slot: number, fence = 2) => `
  INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence)
  VALUES ('lease_2', 'consumer', 'step', 'low', 'host', 'active', 60, 'box', 'res_1', ${slot}, ${fence})`;

beforeEach(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'berth-doctor-'));
  db = new Database(database.url);
  sql = new pg.Client(database.url);
  await sql.connect();
  await sql.query(WORLD);
  const fakes = (['docker-host', 'working-copy'] as const).map((type) => new FakeDriver(type));
  containers = fakes[0] as FakeDriver;
  for (const id of ['res_1', 'res_2']) containers.existing.add(id);
  const config = readConfig({ BERTH_DATA_DIR: dataDir });
  const log = pino({ level: 'silent' });
  // Not started: nothing mends what a test breaks.
  const broker = await createBroker({ config, db, drivers: () => new Drivers(fakes), log });
  await sql.query(`UPDATE installation SET isolation = 'low'`);
  doctor = broker.services.find((service) => service instanceof DoctorService) as DoctorService;
});
afterEach(async () => {
  await sql.end();
  await db.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

/** How each invariant is broken where the database lets it, or is made to, and what then is named. */
const BREACHES: Record<string, [subject: string, statement: string | (() => void)]> = {
  'resource-tier': [
    'res_copy',
    `ALTER TABLE resources DROP CONSTRAINT resources_blueprint_type_tier_fkey;
     UPDATE resources SET tier = 'high' WHERE id = 'res_copy'`,
  ],
  'lease-tier': [
    'lease_1',
    `ALTER TABLE leases DROP CONSTRAINT leases_resource_id_tier_fkey; UPDATE leases SET tier = 'high' WHERE id = 'lease_1'`,
  ],
  'consumer-tier': ['lease_1', `UPDATE consumers SET tier = 'high'`],
  'single-use': [
    'res_copy',
    `UPDATE blueprints SET reuse = 'none' WHERE name = 'trees'; UPDATE resources SET uses = 1 WHERE id = 'res_copy'`,
  ],
  'working-copy-tier': [
    'res_copy',
    `ALTER TABLE leases DROP CONSTRAINT leases_resource_id_tier_fkey; UPDATE leases SET tier = 'high' WHERE id = 'lease_host'`,
  ],
  'host-blueprint-tier': [
    'trees',
    `UPDATE blueprints SET spec = '{"hosts": ["box", "vault"]}' WHERE name = 'trees'`,
  ],
  'authorized-use': ['lease_1', `DELETE FROM authorizations WHERE id = 'auth_1'`],
  'approval-tier': [
    'auth_9',
    `ALTER TABLE authorizations DISABLE TRIGGER authorizations_tier;
     INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
     VALUES ('auth_9', 'consumer', 'step', 'vault', 'authorized', 'ann', 'bob', now())`,
  ],
  'four-eyes': [
    'auth_1',
    `UPDATE tiers SET profile = profile || '{"fourEyes": true}'; UPDATE authorizations SET decided_by = 'ann' WHERE id = 'auth_1'`,
  ],
  'approval-as-is': ['auth_1', `UPDATE authorizations SET changes = '{reuse}' WHERE id = 'auth_1'`],
  'approval-in-time': [
    'auth_1',
    `UPDATE authorizations SET expires_at = now() - interval '1 h' WHERE id = 'auth_1'`,
  ],
  'holds-counted': ['res_1', `UPDATE resources SET leases = 2 WHERE id = 'res_1'`],
  'one-holder': ['res_1', `DROP INDEX leases_hold; ${anotherLease(0)}`],
  'one-resource': ['res_2', `DROP INDEX resources_slot; UPDATE resources SET slot = 0 WHERE id = 'res_2'`],
  'held-exists': ['lease_1', `UPDATE resources SET state = 'destroyed' WHERE id = 'res_1'`],
  fences: ['res_1', anotherLease(1, 1)],
  'resource-limit': ['box', `UPDATE blueprints SET max_resources = 1 WHERE name = 'box'`],
  'lease-limit': [
    'res_1',
    `UPDATE blueprints SET leases_per_resource = 1 WHERE name = 'box'; UPDATE resources SET leases = 2 WHERE id = 'res_1'`,
  ],
  backstops: ['resources_place', 'DROP INDEX resources_place'],
  'held-fit': ['res_1', `UPDATE resources SET hygiene = 'cleaning' WHERE id = 'res_1'`],
  'policy-readable': ['high', `UPDATE tiers SET profile = '{}' WHERE name = 'high'`],
  'waiting-said': [
    'lease_2',
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds)
     VALUES ('lease_2', 'consumer', 'step', 'low', 'host', 'pending', 60)`,
  ],
  'next-step': ['lease_1', `UPDATE leases SET state = 'released', ended = 'released' WHERE id = 'lease_1'`],
  settled: ['res_copy', `UPDATE resources SET state = 'broken', due_at = now() WHERE id = 'res_copy'`],
  'host-lease-life': ['lease_host', `UPDATE resources SET state = 'destroyed' WHERE id = 'res_copy'`],
  'active-on-active': [
    'lease_1',
    `UPDATE resources SET state = 'released', due_at = now() WHERE id = 'res_1'`,
  ],
  'runner-alive': [
    'cmd_1',
    `INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, alive_until)
     VALUES ('cmd_1', 'lease_1', '{true}', 60, 'running', now() - interval '1 min')`,
  ],
  isolation: [
    'blueprint/box',
    `UPDATE resources SET machine = jsonb_build_object('bootId', trim(pg_read_file('/proc/sys/kernel/random/boot_id'), E'\\n'))
      WHERE id = 'res_1'`,
  ],
  orphans: ['res_nobody', () => void containers.existing.add('res_nobody')],
  missing: ['res_1', () => void containers.existing.delete('res_1')],
};

describe('the doctor', () => {
  it('finds nothing where all is as it must be, and changes nothing', async () => {
    const diagnosis = await doctor.examine();
    expect(diagnosis).toMatchObject({ whole: true, findings: [], unchecked: [] });
    expect(diagnosis.checked.sort()).toEqual(Object.keys(BREACHES).sort());
    expect((await sql.query('SELECT FROM sightings')).rows).toHaveLength(0);
  });

  it.each(Object.entries(BREACHES))('names %s where it does not hold', async (name, [subject, breach]) => {
    if (typeof breach === 'string') await sql.query(breach);
    else breach();
    const { whole, findings } = await doctor.examine();
    expect(whole).toBe(false);
    const found = findings.find((finding) => finding.name === name);
    expect(found).toMatchObject({ sentence: expect.any(String), advice: expect.any(String), more: false });
    expect(found?.subjects).toContain(subject);
  });

  it('takes what a process is at work on for no finding, until that has failed', async () => {
    await sql.query(
      `UPDATE resources SET state = 'broken', claimed_until = now() + interval '1 min' WHERE id = 'res_copy'`,
    );
    expect((await doctor.examine()).findings).toEqual([]);
    await sql.query(`UPDATE resources SET attempts = 1 WHERE id = 'res_copy'`);
    expect((await doctor.examine()).findings).toMatchObject([{ name: 'settled', subjects: ['res_copy'] }]);
  });

  it('names twenty, and says that there are more', async () => {
    await sql.query(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds)
      SELECT 'lease_n' || n, 'consumer', 'step', 'low', 'host', 'pending', 60 FROM generate_series(1, 21) n`);
    const [finding] = (await doctor.examine()).findings;
    expect(finding).toMatchObject({ name: 'waiting-said', more: true });
    expect(finding?.subjects).toHaveLength(20);
  });

  it('says what it could not check: endpoints that do not answer', async () => {
    containers.silent.add('vault');
    const { whole, findings, unchecked } = await doctor.examine();
    expect({ whole, findings }).toEqual({ whole: false, findings: [] });
    const reason = 'vault: vault does not answer.';
    expect(unchecked).toEqual([
      { check: 'orphans', reason },
      { check: 'missing', reason },
    ]);
  });

  it('says what it could not check: rows that take too long to look at', async () => {
    await sql.query('BEGIN; LOCK TABLE commands');
    const { whole, findings, unchecked } = await doctor.examine();
    await sql.query('ROLLBACK');
    expect({ whole, findings }).toEqual({ whole: false, findings: [] });
    expect(unchecked).toEqual([{ check: 'runner-alive', reason: expect.stringContaining('timeout') }]);
  });
});
