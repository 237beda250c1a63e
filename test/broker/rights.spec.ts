import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Shown, until, useInstallation } from '../support/installation.js';
import { consumer, hosts, machines, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));

beforeEach(async () => {
  await berth.declare(hosts('box'), consumer('step', ['box']));
  await berth.approve('step', 'box');
});

/**
 * What a change answers that is made while a turn has decided and can't write that, since someone else has a row; whether
 * it did not wait; and the lease of the turn.
 */
async function during(row: string, change: () => Promise<Shown>) {
  const holder = await berth.db.connect();
  await holder.query('BEGIN');
  await holder.query(`SELECT FROM ${row} FOR UPDATE`);
  const requested = berth.request('step');
  await until(
    () => waitingFor('transactionid'),
    (count) => count > 0,
  );
  let answered = false;
  const changed = change().finally(() => {
    answered = true;
  });
  await until(
    async () => answered || (await waitingFor('advisory')) > 0,
    (over) => over,
  );
  const early = answered;
  await holder.query('ROLLBACK');
  holder.release();
  const lease = await requested;
  return { early, lease, answer: await changed };
}

async function waitingFor(lock: string): Promise<number> {
  const rows = await berth.sql(
    `SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`,
    [lock],
  );
  return rows.length;
}

const inUse = { status: 409, body: { code: 'in-use' } };

describe('while a lease is being granted', () => {
  const cases: [string, () => Promise<Shown>, { answer?: Shown; state?: string }][] = [
    ['revoking its authorization', () => berth.revoke('step', 'box'), {}],
    [
      'revoking it and breaking what is held',
      () => berth.revoke('step', 'box', { breakLeases: true }),
      { state: 'destroyed' },
    ],
    ['taking the blueprint off its consumer’s list', () => berth.declare(consumer('step', [])), {}],
    ['widening the blueprint', () => berth.declare(hosts('box', { spec: { network: 'bridge' } })), {}],
    ['disabling the blueprint', () => berth.ok('POST /v1/blueprints/box/disable'), {}],
    ['deleting its consumer', () => berth.call('DELETE /v1/consumers/step'), { answer: inUse }],
  ];

  it.each(cases)('%s waits until it is', async (_, change, { answer = {}, state = 'active' }) => {
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });
    const found = await during(`resources WHERE id = '${resource}'`, change);
    expect(found).toMatchObject({ early: false, answer });
    await berth.becomes(found.lease.id, state);
  });
});

it('a decision counts from when the turns are over that it has waited for', async () => {
  const holder = await berth.db.connect();
  await holder.query('BEGIN');
  await holder.query(`SELECT pg_advisory_xact_lock(hashtext('berth pool low'), hashtext('host'))`);
  const revoked = berth.revoke('step', 'box');
  await until(
    () => waitingFor('advisory'),
    (count) => count > 0,
  );
  const { rows } = await holder.query('SELECT clock_timestamp()::text AS at');
  await holder.query('COMMIT');
  holder.release();
  await revoked;
  expect(await berth.sql('SELECT decided_at > $1 AS after FROM authorizations', [rows[0].at])).toEqual([
    { after: true },
  ]);
});

describe('while a resource is about to be built', () => {
  it.each<[string, () => Promise<Shown>]>([
    ['deleting its blueprint', () => berth.call('DELETE /v1/blueprints/box')],
    [
      'giving its blueprint another type',
      () => {
        const documents = [machines('box', ['m'])];
        return berth.call('POST /v1/manifests', { body: { documents } });
      },
    ],
  ])('%s waits until that is written, and is refused', async (_, change) => {
    const found = await during(`blueprints WHERE name = 'box'`, change);
    expect(found).toMatchObject({ early: false, answer: inUse });
    await berth.becomes(found.lease.id, 'active');
  });
});
