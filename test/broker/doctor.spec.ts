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
import { INVARIANTS, type Invariant } from '../../src/store/invariants.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let sql: pg.Client;
let dataDir: string;
let containers: FakeDriver;
let doctor: DoctorService;

const IN_AN_HOUR = `now() + interval '1 h'`;
const AN_HOUR_AGO = `now() - interval '1 h'`;

/** Two containers, one leased and one beneath a working copy, which waits; all as it must be, and a broker that lives. */
const WORLD = `
  INSERT INTO processes (id, alive_until) VALUES ('proc_here', 'infinity'), ('proc_dead', now() - interval '1 s');
  INSERT INTO people (name) VALUES ('ann'), ('bob');
  INSERT INTO tiers (name, profile) VALUES ('low', '${JSON.stringify(DEFAULT_PROFILE)}'), ('high', '${JSON.stringify(DEFAULT_PROFILE)}');
  INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec) VALUES
    ('box', 'docker-host', 'low', 5, 2, 'tier', 0, '{}'),
    ('vault', 'docker-host', 'high', 5, 1, 'tier', 0, '{}'),
    ('trees', 'working-copy', 'low', 5, 1, 'tier', 0, '{"hosts": ["box"]}');
  INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ('step', 'build-step', 'low', '{box,trees}', 'ann');
  INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at) VALUES
    ('auth_1', 'consumer', 'step', 'box', 'authorized', 'ann', 'bob', now() - interval '1 h'),
    ('auth_2', 'blueprint', 'trees', 'box', 'authorized', 'ann', 'bob', now() - interval '1 h'),
    ('auth_3', 'consumer', 'step', 'trees', 'authorized', 'ann', 'bob', now() - interval '1 h');
  INSERT INTO resources (id, type, blueprint, tier, state, slot, host_lease_id, leases, fence, uses) VALUES
    ('res_1', 'host', 'box', 'low', 'active', 0, NULL, 1, 1, 1),
    ('res_2', 'host', 'box', 'low', 'active', 1, NULL, 1, 1, 1),
    ('res_copy', 'working-copy', 'trees', 'low', 'active', 0, 'lease_host', 0, 0, 0);
  INSERT INTO leases (id, object_kind, object_name, for_resource, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence,
                      acquired_at, active_at, expires_at, due_at) VALUES
    ('lease_1', 'consumer', 'step', NULL, 'low', 'host', 'active', 3600, 'box', 'res_1', 0, 1, now(), now(), ${IN_AN_HOUR}, ${IN_AN_HOUR}),
    ('lease_host', 'blueprint', 'trees', 'res_copy', 'low', 'host', 'active', 3600, 'box', 'res_2', 0, 1, now(), now(), NULL, NULL)`;

const anotherLease = (slot: number, fence = 2, [blueprint, resource] = ['box', 'res_1']) => `
  INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence,
                      acquired_at, active_at, expires_at, due_at)
  SELECT 'lease_2', 'consumer', 'step', tier, type, 'active', 3600, blueprint, id, ${slot}, ${fence}, now(), now(),
         ${IN_AN_HOUR}, ${IN_AN_HOUR} FROM resources WHERE blueprint = '${blueprint}' AND id = '${resource}'`;
const edge = (change: string, id = 'auth_1') => `UPDATE authorizations SET ${change} WHERE id = '${id}'`;
const claim = (process: string, time: string) =>
  `UPDATE resources SET claim = '${process}', claimed_until = now() + interval '${time}' WHERE id = 'res_copy'`;
const profile = (change: string) => `UPDATE tiers SET profile = profile || '${change}' WHERE name = 'high'`;
const onCopy = anotherLease(0, 1, ['trees', 'res_copy']);

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

/** How each invariant is broken where the database lets it, or is made to, in one way or another, and what then is named. */
const BREACHES: Record<string, [subject: string, ...ways: (string | (() => void))[]]> = {
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
    `UPDATE blueprints SET reuse = 'none' WHERE name = 'trees'; ${onCopy};
     UPDATE resources SET leases = 1, uses = 7, fence = 1 WHERE id = 'res_copy'`,
  ],
  'one-consumer': [
    'res_1',
    `UPDATE blueprints SET reuse = 'consumer' WHERE name = 'box';
     UPDATE resources SET last_consumer = CASE id WHEN 'res_1' THEN 'consumer/another' ELSE 'blueprint/trees' END`,
  ],
  'working-copy-tier': [
    'res_copy',
    `ALTER TABLE leases DROP CONSTRAINT leases_resource_id_tier_fkey; UPDATE leases SET tier = 'high' WHERE id = 'lease_host'`,
  ],
  'host-blueprint-tier': [
    'trees',
    `UPDATE blueprints SET spec = '{"hosts": ["box", "vault"]}' WHERE name = 'trees'`,
  ],
  'authorized-use': [
    'lease_1',
    `DELETE FROM authorizations WHERE id = 'auth_1'`,
    edge(`state = 'declined'`),
    edge(`state = 'requested', decided_at = NULL, decided_by = NULL`),
    edge(`state = 'requested', changes = '{image}', requested_at = now() - interval '1 min'`),
    edge(`state = 'expired', expires_at = now() - interval '1 min'`),
  ],
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
    `UPDATE leases SET slot = 99 WHERE id = 'lease_1'`,
  ],
  backstops: ['resources_place', 'DROP INDEX resources_place'],
  'held-fit': ['res_1', `UPDATE resources SET hygiene = 'cleaning' WHERE id = 'res_1'`],
  'policy-readable': [
    'high',
    `UPDATE tiers SET profile = '{}' WHERE name = 'high'`,
    ...Object.keys(DEFAULT_PROFILE).map((field) => profile(`{"${field}": "banana"}`)),
    ...Object.keys(DEFAULT_PROFILE)
      .filter((field) => field !== 'runtimes')
      .map((field) => profile(`{"${field}": null}`)),
    profile('{"runtimes": [1]}'),
    profile('{"maxTtlSeconds": 0}'),
    profile('{"maxTtlSeconds": 1.5}'),
  ],
  'waiting-said': [
    'lease_2',
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds)
     VALUES ('lease_2', 'consumer', 'step', 'low', 'host', 'pending', 60)`,
  ],
  'next-step': [
    'lease_1',
    `UPDATE leases SET state = 'released', ended = 'released', due_at = NULL WHERE id = 'lease_1'`,
    `UPDATE leases SET due_at = 'infinity' WHERE id = 'lease_1'`,
  ],
  'claimer-alive': [
    'res_copy',
    claim('proc_nobody', '10 s'),
    claim('proc_dead', '10 s'),
    claim('proc_here', '1 d'),
    `UPDATE resources SET claimed_until = ${IN_AN_HOUR} WHERE id = 'res_copy'`,
  ],
  settled: [
    'res_copy',
    `UPDATE resources SET state = 'broken', due_at = now() WHERE id = 'res_copy'`,
    `UPDATE resources SET state = 'broken' WHERE id = 'res_copy'; ${claim('proc_nobody', '1 d')}`,
  ],
  'host-lease-life': ['lease_host', `UPDATE resources SET state = 'destroyed' WHERE id = 'res_copy'`],
  'active-on-active': [
    'lease_1',
    `UPDATE resources SET state = 'released', due_at = now() WHERE id = 'res_1'`,
  ],
  'lease-finite': [
    'lease_1',
    `UPDATE leases SET expires_at = NULL WHERE id = 'lease_1'`,
    `UPDATE leases SET expires_at = active_at + interval '1 d 1 s' WHERE id = 'lease_1'`,
    `UPDATE leases SET expires_at = 'infinity' WHERE id = 'lease_1'`,
  ],
  'lease-in-time': [
    'lease_1',
    `UPDATE leases SET expires_at = ${AN_HOUR_AGO} WHERE id = 'lease_1'`,
    `UPDATE leases SET expires_at = now() + interval '1 min' WHERE id = 'lease_1'`,
  ],
  'command-in-time': [
    'cmd_1',
    `INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, alive_until, started_at)
     VALUES ('cmd_1', 'lease_1', '{sleep}', 60, 'running', ${IN_AN_HOUR}, now() - interval '2 h')`,
  ],
  'runner-alive': [
    'cmd_1',
    `INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, alive_until)
     VALUES ('cmd_1', 'lease_1', '{true}', 60, 'running', now() - interval '1 min')`,
  ],
  'lost-ended': [
    'lease_1',
    `INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, left_running)
     VALUES ('cmd_2', 'lease_1', '{true}', 60, 'lost', true)`,
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

  const ways = Object.entries(BREACHES).flatMap(([name, [subject, ...breaches]]) =>
    breaches.map((breach, index): [string, number, string, typeof breach] => [
      name,
      index + 1,
      subject,
      breach,
    ]),
  );
  it.each(ways)('names %s where it does not hold (%d)', async (name, _, subject, breach) => {
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
      `UPDATE resources SET state = 'broken' WHERE id = 'res_copy'; ${claim('proc_here', '15 s')}`,
    );
    expect((await doctor.examine()).findings).toEqual([]);
    await sql.query(`UPDATE resources SET attempts = 1 WHERE id = 'res_copy'`);
    expect((await doctor.examine()).findings).toMatchObject([{ name: 'settled', subjects: ['res_copy'] }]);
  });

  it('looks again only when what is under way has had two seconds', async () => {
    await sql.query(`UPDATE resources SET state = 'broken', due_at = now() WHERE id = 'res_copy'`);
    const began = performance.now();
    await doctor.examine();
    expect(performance.now() - began).toBeGreaterThan(1_990);
  });

  it.each([
    edge(`state = 'declined', decided_at = ${IN_AN_HOUR}`),
    edge(`state = 'requested', changes = '{image}', requested_at = ${IN_AN_HOUR}`),
    edge(`state = 'expired', expires_at = ${IN_AN_HOUR}`),
    edge(`object_state = 'inactive'`),
  ])('leaves alone what was lent while it might be: %s', async (statement) => {
    await sql.query(statement);
    expect((await doctor.examine()).findings).toEqual([]);
  });

  it('names a lease on a resource that stands on what its blueprint might not use any more', async () => {
    await sql.query(`${onCopy}; UPDATE resources SET leases = 1, fence = 1 WHERE id = 'res_copy'`);
    expect((await doctor.examine()).findings).toEqual([]);
    await sql.query(edge(`state = 'declined', decided_at = now() - interval '1 min'`, 'auth_2'));
    await sql.query(`UPDATE leases SET acquired_at = ${AN_HOUR_AGO} WHERE id = 'lease_host'`);
    expect((await doctor.examine()).findings).toMatchObject([
      { name: 'authorized-use', subjects: ['lease_2'] },
    ]);
  });

  it('misses everything that the database refuses by itself', async () => {
    const { rows } = await sql.query(`
      SELECT conname AS name, format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname) AS drop
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
         AND conrelid <> 'migrations'::regclass`);
    for (const { drop } of rows) await sql.query(drop).catch(() => undefined); // gone with another
    await sql.query('ALTER TABLE authorizations ENABLE REPLICA TRIGGER authorizations_tier');
    const invariant = INVARIANTS.find(({ name }) => name === 'backstops') as Invariant;
    const missing = (await sql.query(invariant.text)).rows.map(({ id }) => id);
    expect(missing.sort()).toEqual([...rows.map(({ name }) => name), 'authorizations_tier'].sort());
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
    await sql.query('BEGIN; LOCK TABLE operations');
    const { whole, findings, unchecked } = await doctor.examine();
    await sql.query('ROLLBACK');
    expect({ whole, findings }).toEqual({ whole: false, findings: [] });
    expect(unchecked).toEqual([{ check: 'claimer-alive', reason: expect.stringContaining('timeout') }]);
  });
});
