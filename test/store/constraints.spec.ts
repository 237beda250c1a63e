import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  AUTHORIZATION,
  COMMAND,
  HYGIENE,
  LEASE,
  OPERATION,
  RESOURCE,
} from '../../src/domain/state-machine.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new pg.Client(database.url);
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

const insert = (table: string, row: Record<string, unknown>) => {
  const columns = Object.keys(row);
  const marks = columns.map((_, index) => `$${index + 1}`);
  return db.query(
    `INSERT INTO ${table} (${columns.map((name) => `"${name}"`)}) VALUES (${marks})`,
    Object.values(row),
  );
};
const refuses = (act: Promise<unknown>, constraint: string | RegExp) =>
  expect(act).rejects.toMatchObject({
    message: expect.stringMatching(new RegExp(constraint)),
  });

const blueprint = (name: string, fields = {}) =>
  insert('blueprints', {
    name,
    type: 'docker-host',
    tier: 'low',
    max_resources: 5,
    leases_per_resource: 2,
    reuse: 'tier',
    warm: 0,
    spec: '{}',
    ...fields,
  });
const resource = (id: string, fields = {}) =>
  insert('resources', {
    id,
    type: 'host',
    blueprint: 'box',
    tier: 'low',
    state: 'active',
    slot: 0,
    ...fields,
  });
const lease = (id: string, fields = {}) =>
  insert('leases', {
    id,
    object_kind: 'consumer',
    object_name: 'step',
    tier: 'low',
    type: 'host',
    state: 'active',
    ttl_seconds: 60,
    resource_id: 'r1',
    slot: 0,
    fence: 1,
    ...fields,
  });

beforeEach(async () => {
  await db.query(`DELETE FROM leases; DELETE FROM resources; DELETE FROM authorizations; DELETE FROM blueprints;
    DELETE FROM consumers; DELETE FROM tiers`);
  for (const name of ['low', 'high']) await insert('tiers', { name, profile: '{}' });
  await blueprint('box');
  await insert('consumers', { name: 'step', kind: 'build-step', tier: 'low', declared_by: 'admin' });
});

describe('the database refuses', () => {
  it('a lease on a resource of another tier', async () => {
    await resource('r1');
    await refuses(lease('l1', { tier: 'high' }), 'foreign key');
    await lease('l1');
    await refuses(db.query(`UPDATE leases SET tier = 'high'`), 'foreign key');
  });

  it('a resource of another tier than its blueprint', () =>
    refuses(resource('r1', { tier: 'high' }), 'foreign key'));

  it('another tier for a resource, ever', async () => {
    await resource('r1');
    await refuses(db.query(`UPDATE resources SET tier = 'high'`), 'foreign key');
  });

  it('another tier for a blueprint that has had a resource, though it is gone', async () => {
    await resource('r1', { state: 'destroyed' });
    await refuses(
      db.query(`UPDATE blueprints SET tier = 'high' WHERE name = 'box'`),
      'has had resources|foreign key',
    );
  });

  it('a second hold of one place, until the first is destroyed', async () => {
    await resource('r1');
    await lease('l1', { state: 'released', ended: 'released' });
    await refuses(lease('l2', { fence: 2 }), 'leases_hold');
    await db.query(`UPDATE leases SET state = 'destroyed' WHERE id = 'l1'`);
    await lease('l2', { fence: 2 });
  });

  it('a second live resource in one place of its blueprint', async () => {
    await resource('r1');
    await refuses(resource('r2'), 'resources_slot');
    await db.query(`UPDATE resources SET state = 'destroyed'`);
    await resource('r2');
  });

  it('one machine as two resources, whatever two blueprints say', async () => {
    await blueprint('other');
    await resource('r1', { machine_key: 'SHA256:a' });
    await refuses(resource('r2', { blueprint: 'other', machine_key: 'SHA256:a' }), 'resources_machine');
  });

  it('an approval across tiers, and one of nobody', async () => {
    await blueprint('vault', { tier: 'high' });
    const edge = { object_kind: 'consumer', object_name: 'step', requested_by: 'admin' };
    const decided = { state: 'authorized', decided_by: 'admin', decided_at: new Date() };
    await refuses(
      insert('authorizations', { id: 'a1', blueprint: 'vault', ...edge, ...decided }),
      'cross tiers',
    );
    await insert('authorizations', { id: 'a1', blueprint: 'vault', ...edge });
    await refuses(
      db.query(`UPDATE authorizations SET state = 'authorized', decided_by = 'admin', decided_at = now()`),
      'cross tiers',
    );
    await refuses(
      insert('authorizations', { id: 'a2', blueprint: 'box', ...edge, state: 'authorized' }),
      'check',
    );
  });

  it('an active lease that holds nothing', () => refuses(lease('l1', { resource_id: null }), 'check'));

  it('a lease that is over without a reason', async () => {
    await resource('r1');
    await refuses(lease('l1', { state: 'released' }), 'check');
  });

  it('fewer leases on a resource than none', async () => {
    await resource('r1');
    await refuses(db.query('UPDATE resources SET leases = -1'), 'check');
  });

  it('a single-use resource that is shared', () => refuses(blueprint('bad', { reuse: 'none' }), 'check'));
});

describe('the states in the database', () => {
  it.each([
    ['leases', 'state', LEASE],
    ['resources', 'state', RESOURCE],
    ['resources', 'hygiene', HYGIENE],
    ['authorizations', 'state', AUTHORIZATION],
    ['operations', 'state', OPERATION],
    ['commands', 'state', COMMAND],
  ])('of %s.%s are those of the state machine', async (table, column, machine) => {
    const { rows } = await db.query(
      `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE $2`,
      [table, `CHECK ((${column} = ANY (ARRAY[%`],
    );
    expect(rows).toHaveLength(1);
    const states = [...rows[0].definition.matchAll(/'([^']+)'::text/g)].map(([, state]) => state);
    expect(states.sort()).toEqual(Object.keys(machine).sort());
  });
});
