import { describe, expect, it } from '@jest/globals';
import { startTestApp } from '../support/app.js';
import { Caller, until, useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

describe('housekeeping', () => {
  const berth = useInstallation(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));

  it('is done while there is always a step to take', async () => {
    await berth.approve('step', 'box', { expiresIn: '1h' });
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    let over = false;
    const stir = async () => {
      while (!over) {
        await berth.sql(`UPDATE resources SET due_at = now() - interval '1 d' WHERE id = $1`, [resource]);
        await berth.nudge();
      }
    };
    const stirring = Promise.all([stir(), stir(), stir()]);
    await berth.sql(`UPDATE authorizations SET expires_at = now()`);
    const { state } = await until(
      () => berth.edge('step', 'box'),
      (edge) => edge.state === 'expired',
    );
    over = true;
    await stirring;
    expect(state).toBe('expired');
  });

  it('lets a claim lapse of a process that nobody knows', async () => {
    await berth.approve('step', 'box');
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });
    await berth.sql(
      `UPDATE resources SET state = 'broken', reason = 'x', due_at = NULL, claim = 'proc_nobody',
              claimed_until = now() + interval '1 d' WHERE id = $1`,
      [resource],
    );
    await berth.becomes(resource, 'destroyed');
  });

  it('forgets what ended long ago, whatever referred to what', async () => {
    await berth.approve('step', 'box');
    const old = await berth.lease('step');
    const command = await berth.run(old.id, 'echo words');
    await berth.release(old.id);
    await berth.becomes(old.id, 'destroyed');
    const young = await berth.lease('step');
    const pruned = async () => {
      const metrics = await berth.metrics();
      return ['leases', 'commands'].map(
        (table) => metrics.get(`berth_pruned_rows_total{table="${table}"}`) ?? 0,
      );
    };
    const before = await pruned();
    await berth.sql(`UPDATE leases SET destroyed_at = now() - interval '31 d' WHERE id = $1`, [old.id]);
    await berth.sql(`UPDATE commands SET ended_at = now() - interval '31 d' WHERE id = $1`, [command.id]);
    const { status } = await until(
      () => berth.call(`GET /v1/leases/${old.id}`),
      (answer) => answer.status !== 200,
    );
    expect(status).toBe(404);
    await until(pruned, (rows) => rows.every((count, index) => count === (before[index] as number) + 1));
    expect(await berth.sql(`SELECT FROM command_output`)).toEqual([]);
    expect(await berth.read(young.id)).toMatchObject({ state: 'active' });
    expect((await berth.events(`&lease=${old.id}`)).map(({ kind }) => kind)).toContain('lease.destroyed');
  });

  it('does not let anyone go on from an event before what is kept without telling them', async () => {
    const { id } = (await berth.events())[0];
    await berth.sql(`UPDATE events SET at = now() - interval '91 d'`);
    const { body } = await until(
      () => berth.call(`GET /v1/events?after=${id}`),
      ({ status }) => status !== 200,
    );
    expect(body).toMatchObject({ status: 410, code: 'events-gone', details: { after: expect.any(String) } });
    const headers = { accept: 'text/event-stream', 'last-event-id': id };
    expect(await berth.call('GET /v1/events', { headers })).toMatchObject({ status: 410 });
    expect(await berth.call(`GET /v1/events?after=${body.details.after}`)).toMatchObject({ status: 200 });
  });
});

describe('a waiter whose signal was lost', () => {
  it('is served at the next look at its pool', async () => {
    const app = await startTestApp({ serveMs: 100 });
    const berth = new Caller(app);
    try {
      await berth.declare(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));
      await berth.approve('step', 'box');
      const { id, resource } = await berth.lease('step');
      await berth.ok(`POST /v1/resources/${resource}/cordon`, { body: {} });
      await berth.release(id);
      const waiting = await berth.request('step');
      await berth.sql('UPDATE resources SET cordoned = false');
      await berth.becomes(waiting.id, 'active');
    } finally {
      await berth.close();
      await app.close();
    }
  });
});
