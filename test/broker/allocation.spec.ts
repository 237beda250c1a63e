import { describe, expect, it } from '@jest/globals';
import { BrokerError } from '../../src/domain/errors.js';
import { DriverError } from '../../src/drivers/driver.js';
import { gate, type Shown, until, useInstallation } from '../support/installation.js';
import { mostHolders } from '../support/invariants.js';
import { checkout, consumer, copies, hosts, machines, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));

/** Declares consumers that list the blueprints and may use them. */
async function approved(blueprints: string[], ...names: string[]): Promise<void> {
  for (const name of names) {
    await berth.declare(consumer(name, blueprints));
    for (const blueprint of blueprints) await berth.approve(name, blueprint);
  }
}

const activeOf = (leases: Shown[]) =>
  Promise.all(leases.map(async ({ id }) => (await berth.read(id)).state === 'active'));

/** As many more that wait for the same as this lease. */
const repeated = ({ id }: Shown, times: number) =>
  berth.sql(
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, allowed, ttl_seconds, waiting)
     SELECT 'lease_again' || n, object_kind, object_name, tier, type, state, allowed, ttl_seconds, waiting
       FROM leases, generate_series(1, $2) n WHERE id = $1`,
    [id, times],
  );

const reclaimed = async () => (await berth.events()).filter(({ data }) => data.reason === 'reclaimed');

describe('an idle resource', () => {
  it('that matches is used again before another is built', async () => {
    await berth.declare(hosts('box', { resources: 5 }));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    await berth.run(first.id, 'echo mine');
    await berth.release(first.id);
    await berth.becomes(first.resource, { hygiene: 'clean', leases: 0 });

    const second = await berth.lease('step');
    expect(second).toMatchObject({ resource: first.resource, fence: first.fence + 1 });
    expect([berth.calls('build'), berth.calls('clean')]).toEqual([1, 1]);
  });

  it('is given to the consumer that held it last, whichever was used most lately', async () => {
    await berth.declare(hosts('box', { resources: 2 }));
    await approved(['box'], 'ann', 'bob');
    const [anns, bobs] = [await berth.lease('ann'), await berth.lease('bob')];
    await berth.release(anns.id);
    await berth.release(bobs.id);
    expect((await berth.lease('ann')).resource).toBe(anns.resource);
  });

  it('of a consumer’s own is found behind those of others', async () => {
    await berth.declare(hosts('box', { resources: 3, reuse: 'consumer' }));
    await approved(['box'], 'ann', 'bob');
    const anns = await berth.lease('ann');
    const bobs = [await berth.lease('bob'), await berth.lease('bob')];
    for (const { id } of [anns, ...bobs]) await berth.release(id);
    expect((await berth.lease('ann')).resource).toBe(anns.resource);
  });

  it('that was never used through its lease is handed on without a cleaning', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    expect(await berth.release(first.id)).toMatchObject({ state: 'destroyed' });
    expect((await berth.lease('step')).resource).toBe(first.resource);
    expect([berth.calls('clean'), berth.calls('cut')]).toEqual([0, 0]);
  });

  it('is reclaimed at the limit for one who can’t use it, once, and after it was left alone for long enough', async () => {
    await berth.declare(hosts('box', { reuse: 'consumer', idleAfter: '1h' }));
    await approved(['box'], 'ann', 'bob');
    const anns = await berth.lease('ann');
    await berth.run(anns.id, 'echo');
    await berth.release(anns.id);
    await berth.becomes(anns.resource, { leases: 0, hygiene: 'clean' });
    const bobs = await berth.request('bob');
    expect(bobs).toMatchObject({ waiting: { reason: 'queued' } });

    await berth.sql(`UPDATE resources SET last_used_at = now() - interval '2 h'`);
    const others = await berth.request('bob');
    await berth.becomes(bobs.id, 'active');
    expect(await berth.read(anns.resource)).toMatchObject({ reason: 'reclaimed' });
    expect(await berth.read(others.id)).toMatchObject({ state: 'pending' });
    expect(await reclaimed()).toHaveLength(1);
  });

  it('that is kept warm is looked at again when it has been left alone for long enough', async () => {
    await berth.declare(hosts('box', { reuse: 'consumer', idleAfter: '1h', warm: 1 }));
    await approved(['box'], 'ann', 'bob');
    const anns = await berth.lease('ann');
    await berth.release(anns.id);
    await until(
      () =>
        berth.sql(
          `SELECT FROM resources WHERE due_at = date_trunc('milliseconds', last_used_at) + interval '1 h'`,
        ),
      (found) => found.length === 1,
    );
    const bobs = await berth.request('bob');
    await berth.sql(`UPDATE resources SET last_used_at = now() - interval '1 h', due_at = now()`);
    await berth.nudge();
    await berth.becomes(bobs.id, 'active');
    expect(await berth.read(anns.resource)).toMatchObject({ reason: 'reclaimed' });
  });

  it('that carries an idle working copy gives way to one who needs the host', async () => {
    await berth.declare(hosts('box'), copies('trees', 'box'));
    await approved(['box', 'trees'], 'step');
    await berth.approve('trees', 'box');
    const copy = await berth.lease('step', checkout);
    await berth.release(copy.id);
    expect((await berth.request('step', {}, 10)).state).toBe('active');
    expect(await berth.read(copy.resource)).toMatchObject({ state: 'destroyed', reason: 'reclaimed' });
  });

  it('is all that gives way to one who needs a host, though its host is not clean at once', async () => {
    const cleaning = gate();
    await berth.declare(hosts('box', { resources: 2 }), copies('trees', 'box', { resources: 2 }));
    await approved(['box', 'trees'], 'step');
    await berth.approve('trees', 'box');
    const trees = [await berth.lease('step', checkout), await berth.lease('step', checkout)];
    for (const { id } of trees) await berth.release(id);
    for (const { resource } of trees) await berth.becomes(resource, { hygiene: 'clean', leases: 0 });

    berth.script = (call) => (call.method === 'clean' ? cleaning.hold(call) : undefined);
    const { id } = await berth.request('step');
    await cleaning.reached;
    // The queue is looked at for one who can have nothing.
    await berth.declare(consumer('other', ['box']));
    await berth.request('other');
    expect(await berth.read(id)).toMatchObject({ waiting: { reason: 'reclaiming' } });
    cleaning.open();
    await berth.becomes(id, 'active');
    expect(await reclaimed()).toHaveLength(1);
  });
});

describe('a shared host', () => {
  it('is used only when none can be built', async () => {
    await berth.declare(machines('fleet', ['a', 'b'], { leasesPerResource: 2 }));
    await approved(['fleet'], 'step');
    const leases = [];
    for (let n = 0; n < 4; n += 1) leases.push(await berth.lease('step'));
    const [a, b, c, d] = leases.map(({ resource }) => resource);
    expect(a).not.toBe(b);
    expect([c, d].sort()).toEqual([a, b].sort());
    expect(await berth.request('step')).toMatchObject({ waiting: { reason: 'queued' } });
    expect(Math.max(...(await mostHolders(berth.db)).values())).toBe(2);
  });

  it('is cleaned when the last lease on it ends, though only an earlier one was used', async () => {
    await berth.declare(machines('fleet', ['a'], { leasesPerResource: 2 }));
    await approved(['fleet'], 'step');
    const [used, unused] = [await berth.lease('step'), await berth.lease('step')];
    await berth.run(used.id, 'echo');
    await berth.release(used.id);
    await berth.becomes(used.id, 'destroyed');
    await until(
      () => berth.sql(`SELECT FROM resources WHERE due_at IS NULL AND claimed_until IS NULL`),
      (rested) => rested.length === 1,
    );
    await berth.release(unused.id);
    await berth.becomes(used.resource, { leases: 0, hygiene: 'clean' });
  });
});

describe('a request', () => {
  it('that no blueprint could ever satisfy is refused at once, saying which condition failed', async () => {
    await berth.declare(hosts('box', { spec: { image: 'small' } }));
    await approved(['box'], 'step');
    const body = { type: 'host', consumer: 'step', attributes: { image: 'large' } };
    const refused = await berth.call('POST /v1/leases', { body });
    expect(refused).toMatchObject({ status: 422, body: { code: 'impossible' } });
    expect(refused.body.detail).toMatch(/attributes/);
    const unlisted = { type: 'host', consumer: 'step', blueprints: ['other'] };
    expect(await berth.call('POST /v1/leases', { body: unlisted })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'blueprints' }] },
    });
    expect((await berth.ok('GET /v1/leases')).items).toEqual([]);
  });

  it('that could be satisfied later waits and says its position', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    await berth.lease('step');
    expect((await berth.request('step')).waiting).toEqual({ reason: 'queued', position: 1 });
    expect((await berth.request('step')).waiting).toEqual({ reason: 'queued', position: 2 });
    expect((await berth.request('step', { priority: 5 })).waiting).toMatchObject({ position: 1 });
  });

  it('that is sent again under its key gets the same lease, never a second one', async () => {
    await berth.declare(hosts('box', { resources: 20 }));
    await approved(['box'], 'step');
    const request = {
      body: { type: 'host', consumer: 'step' },
      headers: { 'idempotency-key': 'build 7', prefer: 'wait=10' },
    };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => berth.call('POST /v1/leases', request)),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await berth.call('POST /v1/leases', request)).body.id).toBe(answers[0]?.body.id);
    expect((await berth.ok('GET /v1/leases')).items).toHaveLength(1);
    expect((await berth.ok('GET /v1/resources')).items).toHaveLength(1);
    const other = { ...request, body: { ...request.body, note: 'another' } };
    expect(await berth.call('POST /v1/leases', other)).toMatchObject({
      status: 409,
      body: { code: 'idempotency-conflict' },
    });
  });

  it('that is sent twice at once while something stands free takes one place', async () => {
    await berth.declare(hosts('box', { resources: 4, warm: 4 }));
    await approved(['box'], 'step');
    await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ free }) => free === 4,
    );
    const request = { body: { type: 'host', consumer: 'step' }, headers: { 'idempotency-key': 'once' } };
    await Promise.all(Array.from({ length: 8 }, () => berth.ok('POST /v1/leases', request)));
    expect((await berth.ok('GET /v1/blueprints/box')).free).toBe(3);
  });

  it('whose first answer was lost goes on under the same lease when it is sent again', async () => {
    await berth.declare(hosts('box', { resources: 2 }));
    await approved(['box'], 'step');
    const request = { body: { type: 'host', consumer: 'step' }, headers: { 'idempotency-key': 'lost' } };
    const first = await berth.ok('POST /v1/leases', request);
    await berth.sql(`UPDATE idempotency_keys SET status = NULL, answer = NULL`);
    const again = await berth.ok('POST /v1/leases', {
      ...request,
      headers: { ...request.headers, prefer: 'wait=10' },
    });
    expect(again).toMatchObject({ id: first.id, state: 'active' });
  });
});

describe('the queue', () => {
  it('serves equals first come, first served', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const holder = await berth.lease('step');
    const waiting = [];
    for (let n = 0; n < 5; n += 1) waiting.push(await berth.request('step'));
    let held = holder;
    for (const next of waiting) {
      await berth.release(held.id);
      await berth.becomes(next.id, 'active');
      expect((await activeOf(waiting)).filter(Boolean)).toHaveLength(1);
      held = next;
    }
  });

  it('does not let a thousand waiters of one consumer delay the single one of another by more than one release', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'many', 'one');
    const [holder, next] = [await berth.lease('many'), await berth.request('many')];
    await repeated(next, 1000);
    const single = await berth.request('one');
    expect(single.waiting.position).toBe(1);
    await berth.release(holder.id);
    await berth.becomes(single.id, 'active');
    const later = await berth.request('one');
    await berth.release(single.id);
    await berth.becomes(next.id, 'active');
    await berth.release(next.id);
    await berth.becomes(later.id, 'active');
  });

  it('lets a low priority that waited long go before a higher one, and says so beforehand', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'patient', 'pressing');
    const holder = await berth.lease('pressing', { priority: 50 });
    const patient = await berth.request('patient');
    const pressing = await berth.request('pressing', { priority: 50 });
    expect((await berth.read(patient.id)).waiting.position).toBe(2);
    await berth.sql(`UPDATE leases SET created_at = now() - interval '11 min' WHERE id = $1`, [patient.id]);
    expect((await berth.read(patient.id)).waiting.position).toBe(1);
    await berth.release(holder.id);
    await berth.becomes(patient.id, 'active');
    expect((await berth.read(pressing.id)).waiting).toEqual({ reason: 'queued', position: 1 });
  });

  it('lets who waited long for one thing go first though its consumer got others meanwhile', async () => {
    await berth.declare(hosts('sought'), hosts('plenty', { resources: 3 }));
    await approved(['sought', 'plenty'], 'both');
    await approved(['sought'], 'rival');
    const holder = await berth.lease('rival');
    const patient = await berth.request('both', { blueprints: ['sought'] });
    await berth.sql(`UPDATE leases SET created_at = now() - interval '11 min' WHERE id = $1`, [patient.id]);
    await berth.lease('both', { blueprints: ['plenty'] });
    await berth.lease('both', { blueprints: ['plenty'] });
    const rival = await berth.request('rival');
    await berth.release(holder.id);
    await berth.becomes(patient.id, 'active');
    // Which got it what it had waited for, so that the next is the rival's.
    const again = await berth.request('both', { blueprints: ['sought'] });
    await berth.sql(`UPDATE leases SET created_at = now() - interval '11 min' WHERE id = $1`, [again.id]);
    await berth.release(patient.id);
    await berth.becomes(rival.id, 'active');
  });

  it('serves the higher priority first', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const holder = await berth.lease('step');
    const [low, high] = [await berth.request('step'), await berth.request('step', { priority: 10 })];
    await berth.release(holder.id);
    await berth.becomes(high.id, 'active');
    expect((await berth.read(low.id)).state).toBe('pending');
  });

  it('goes on past one who can’t be served', async () => {
    await berth.declare(hosts('box'), hosts('spare'));
    await approved(['box', 'spare'], 'step');
    await berth.lease('step', { blueprints: ['box'] });
    const blocked = await berth.request('step', { blueprints: ['box'], priority: 10 });
    expect((await berth.lease('step')).blueprint).toBe('spare');
    expect((await berth.read(blocked.id)).waiting).toMatchObject({ reason: 'queued' });
  });

  it('goes on past more than a turn of those who can’t be served', async () => {
    await berth.declare(hosts('box'), hosts('later'));
    await approved(['box'], 'step');
    await berth.declare(consumer('step', ['box', 'later']));
    const holder = await berth.lease('step', { blueprints: ['box'] });
    const first = await berth.request('step', { blueprints: ['later'] });
    await repeated(first, 1100);
    const behind = await berth.request('step', { blueprints: ['box'] });
    await berth.release(holder.id);
    await berth.becomes(behind.id, 'active');
  });

  it('is not held up by a waiter that gives up', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const holder = await berth.lease('step');
    const [quits, stays] = [await berth.request('step'), await berth.request('step')];
    expect(await berth.release(quits.id)).toMatchObject({ state: 'destroyed', ended: 'cancelled' });
    await berth.release(holder.id);
    await berth.becomes(stays.id, 'active');
  });

  it('is not held up by a waiter whose caller died, beyond the life it asked for', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const holder = await berth.lease('step');
    const call = new AbortController();
    const { url, adminToken } = berth.endpoint;
    const dies = fetch(`${url}/v1/leases`, {
      method: 'POST',
      signal: call.signal,
      headers: {
        authorization: `Bearer ${adminToken}`,
        'content-type': 'application/json',
        prefer: 'wait=60',
      },
      body: JSON.stringify({ type: 'host', consumer: 'step', ttl: '1s' }),
    }).catch(() => undefined);
    const queue = () => berth.ok('GET /v1/leases?state=pending');
    const [dead] = (await until(queue, ({ items }) => items.length === 1)).items;
    call.abort();
    await dies;
    const next = await berth.request('step');
    await berth.release(holder.id);
    expect(await berth.becomes(dead.id, 'destroyed')).toMatchObject({ ended: 'expired' });
    await berth.becomes(next.id, 'active');
  });

  it('gives what was built for a waiter that gave up to the next', async () => {
    const building = gate();
    berth.script = (call) => (call.method === 'build' ? building.hold(call) : undefined);
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const [quits, stays] = [await berth.request('step'), await berth.request('step')];
    await building.reached;
    await berth.release(quits.id);
    building.open();
    await berth.becomes(stays.id, 'active');
    expect(berth.calls('build')).toBe(1);
  });
});

describe('a waiter is woken at once by', () => {
  const woken = async (id: string, act: () => Promise<unknown>) => {
    await act();
    const since = Date.now();
    await berth.becomes(id, 'active');
    expect(Date.now() - since).toBeLessThan(4000); // the reconciler is told what to do: its slow timer is 5 s
  };

  it('a raised limit', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    await berth.lease('step');
    const { id } = await berth.request('step');
    await woken(id, () => berth.declare(hosts('box', { resources: 2 })));
  });

  it('another machine in the list of an ssh-host', async () => {
    await berth.declare(machines('fleet', ['a']));
    await approved(['fleet'], 'step');
    await berth.lease('step');
    const { id } = await berth.request('step');
    expect((await berth.read(id)).waiting).toMatchObject({ reason: 'queued' });
    await woken(id, () => berth.declare(machines('fleet', ['a', 'b'])));
  });

  it('an uncordoned resource', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    await berth.release(first.id);
    await berth.ok(`POST /v1/resources/${first.resource}/cordon`, { body: {} });
    const { id } = await berth.request('step');
    expect((await berth.read(id)).state).toBe('pending');
    await woken(id, () => berth.ok(`POST /v1/resources/${first.resource}/uncordon`, { body: {} }));
  });

  it('an enabled blueprint', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    await berth.ok('POST /v1/blueprints/box/disable', { body: {} });
    const { id } = await berth.request('step');
    expect((await berth.read(id)).waiting).toMatchObject({ reason: 'queued' });
    await woken(id, () => berth.ok('POST /v1/blueprints/box/enable', { body: {} }));
  });

  it('the end of a cleaning', async () => {
    const cleaning = gate();
    berth.script = (call) => (call.method === 'clean' ? cleaning.hold(call) : undefined);
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    await berth.run(first.id, 'echo');
    const { id } = await berth.request('step');
    await berth.release(first.id);
    await cleaning.reached;
    expect((await berth.read(id)).state).toBe('pending');
    await woken(id, async () => cleaning.open());
  });

  it('a reclaimed host of the same blueprint', async () => {
    await berth.declare(hosts('box', { reuse: 'none' }));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    const { id } = await berth.request('step');
    await woken(id, () => berth.release(first.id));
    expect((await berth.read(id)).resource).not.toBe(first.resource);
  });
});

describe('a machine that is asked for by its name', () => {
  const at = (place: string) => berth.lease('step', { attributes: { place } });

  it('is got where the limit lets fewer be used than are listed, though another is idle', async () => {
    await berth.declare(machines('fleet', ['a', 'b', 'c'], { limits: { resources: 1 } }));
    await approved(['fleet'], 'step');
    const first = await at('c');
    expect(await berth.read(first.resource)).toMatchObject({ place: 'c' });
    await berth.release(first.id);
    const second = await at('b');
    expect(await berth.read(second.resource)).toMatchObject({ place: 'b' });
  });
});

describe('a machine on which a build failed', () => {
  it('is tried last from then on, though builds on others succeed', async () => {
    const tried: string[] = [];
    berth.script = async ({ method, id }) => {
      if (method !== 'build') return;
      const { place } = await berth.read(id);
      tried.push(place);
      if (place === 'a') throw new DriverError('unreachable', 'nobody answers');
    };
    await berth.declare(machines('fleet', ['a', 'b', 'c']));
    await approved(['fleet'], 'step');
    for (const _ of ['b', 'c']) await berth.lease('step');
    expect(tried).toEqual(['a', 'b', 'c']);
  });
});

describe('a limit', () => {
  it('that is lowered is kept to as soon as leases end', async () => {
    await berth.declare(hosts('box', { resources: 3, reuse: 'none' }));
    await approved(['box'], 'step');
    const [first] = [await berth.lease('step'), await berth.lease('step'), await berth.lease('step')];
    await berth.declare(hosts('box', { resources: 1, reuse: 'none' }));
    await berth.release(first.id);
    await berth.becomes(first.resource, 'destroyed');
    expect((await berth.request('step')).waiting).toMatchObject({ reason: 'queued' });
    expect(await berth.ok('GET /v1/blueprints/box')).toMatchObject({ live: 2 });
  });

  it('that is lowered retires what rests beyond it, longest idle first', async () => {
    await berth.declare(hosts('box', { resources: 3 }));
    await approved(['box'], 'step');
    const leases = [await berth.lease('step'), await berth.lease('step'), await berth.lease('step')];
    for (const { id } of leases) await berth.release(id);
    await berth.declare(hosts('box', { resources: 1 }));
    await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ live }) => live === 1,
    );
    const left = await Promise.all(leases.map(async ({ resource }) => await berth.read(resource)));
    expect(left.map(({ state }) => state)).toEqual(['destroyed', 'destroyed', 'active']);
    expect(left[0]).toMatchObject({ reason: 'excess' });
  });

  it('that is lowered is kept to by those who ask at once', async () => {
    await berth.declare(hosts('box', { resources: 3 }));
    await approved(['box'], 'step');
    const leases = [await berth.lease('step'), await berth.lease('step'), await berth.lease('step')];
    for (const { id } of leases) await berth.release(id);
    await berth.declare(hosts('box', { resources: 1 }));
    const asked = await Promise.all([1, 2, 3].map(() => berth.request('step')));
    const states = await until(
      () => activeOf(asked),
      (active) => active.some(Boolean),
    );
    expect(states.filter(Boolean)).toHaveLength(1);
    await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ live }) => live === 1,
    );
    expect((await activeOf(asked)).filter(Boolean)).toHaveLength(1);
    expect(berth.calls('build')).toBe(3);
  });

  it('that is lowered retires what comes back beyond it, though someone waits', async () => {
    await berth.declare(hosts('box', { resources: 2 }));
    await approved(['box'], 'step');
    const [first, last] = [await berth.lease('step'), await berth.lease('step')];
    const { id } = await berth.request('step');
    await berth.declare(hosts('box', { resources: 1 }));
    await berth.release(first.id);
    await berth.becomes(first.resource, 'destroyed');
    expect(await berth.read(id)).toMatchObject({ waiting: { reason: 'queued' } });
    await berth.release(last.id);
    expect(await berth.becomes(id, 'active')).toMatchObject({ resource: last.resource });
  });

  it('of one resource is kept by twenty who ask at once', async () => {
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const leases = await Promise.all(Array.from({ length: 20 }, () => berth.request('step')));
    while (leases.length > 0) {
      const states = await until(
        () => activeOf(leases),
        (active) => active.some(Boolean),
      );
      expect(states.filter(Boolean)).toHaveLength(1);
      const [served] = leases.splice(states.indexOf(true), 1);
      await berth.release(served.id);
    }
    expect(Math.max(...(await mostHolders(berth.db)).values())).toBe(1);
    expect(berth.calls('build')).toBe(1);
  });
});

describe('a place', () => {
  it('that a request names is the one it gets', async () => {
    await berth.declare(machines('fleet', ['a', 'b', 'c']));
    await approved(['fleet'], 'step');
    const lease = await berth.lease('step', { attributes: { place: 'c' } });
    expect(await berth.read(lease.resource)).toMatchObject({ place: 'c' });
  });

  it('on which building fails is left for another', async () => {
    berth.script = async ({ method, id }) => {
      if (method !== 'build') return;
      const [{ place }] = await berth.sql(`SELECT place FROM resources WHERE id = $1`, [id]);
      if (place === 'a') throw new DriverError('unreachable', 'No route to a.', { temporary: true });
    };
    await berth.declare(machines('fleet', ['a', 'b', 'c']));
    await approved(['fleet'], 'step');
    const lease = await berth.lease('step');
    expect((await berth.read(lease.resource)).place).not.toBe('a');
  });
});

describe('a build that fails', () => {
  it('leaves the request to another blueprint and is visible on its own', async () => {
    berth.script = async ({ method, id }) => {
      if (method !== 'build') return;
      const [{ blueprint }] = await berth.sql(`SELECT blueprint FROM resources WHERE id = $1`, [id]);
      if (blueprint === 'bad') throw new DriverError('image-missing', 'There is no such image.');
    };
    await berth.declare(hosts('bad'), hosts('good'));
    await approved(['bad', 'good'], 'step');
    expect((await berth.lease('step')).blueprint).toBe('good');
    expect(await berth.ok('GET /v1/blueprints/bad')).toMatchObject({
      failures: 1,
      lastFailure: 'There is no such image.',
      retryAt: expect.any(String),
    });
  });

  it('is tried again after a while, longer each time, and forgotten once it succeeds', async () => {
    let failing = true;
    berth.script = ({ method }) => {
      if (method === 'build' && failing) throw new DriverError('unreachable', 'The engine is down.');
    };
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const { id } = await berth.request('step');
    const waits = [];
    for (let failures = 1; failures <= 3; failures += 1) {
      const { retryAt } = await until(
        () => berth.ok('GET /v1/blueprints/box'),
        (found) => found.failures === failures && found.retryAt !== null,
      );
      waits.push(new Date(retryAt).getTime() - Date.now());
      await berth.sql(`UPDATE blueprints SET retry_at = now()`);
      await berth.declare(tier('low', { secrets: failures % 2 === 0 })); // anything that makes the broker look
    }
    expect(waits[2]).toBeGreaterThan((waits[0] as number) * 2);
    failing = false;
    await berth.sql(`UPDATE blueprints SET retry_at = now()`);
    await berth.becomes(id, 'active');
    expect(await berth.ok('GET /v1/blueprints/box')).toMatchObject({ failures: 0, lastFailure: null });
  });

  it('is tried again at once when what is demanded of machines has changed', async () => {
    berth.script = ({ method }) => {
      if (method === 'build') throw new DriverError('failed', 'The machine is another tier’s.');
    };
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const { id } = await berth.request('step');
    await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ failures }) => failures === 1,
    );
    await berth.sql(`UPDATE blueprints SET retry_at = now() + interval '1 h'`);
    berth.script = () => undefined;
    const waivers = [{ rule: 'machine-in-two-tiers', subject: '*', reason: 'one machine plays all parts' }];
    await berth.declare(policy('low', { waivers }));
    await berth.becomes(id, 'active');
  });

  it('before anything was made leaves nothing behind, though what it was built by is never there', async () => {
    berth.script = ({ method }) => {
      if (method === 'destroy') throw new DriverError('unreachable', 'No such engine.', { temporary: true });
      if (method === 'build') throw new DriverError('unreachable', 'No such engine.', { madeNothing: true });
    };
    await berth.declare(hosts('box', { resources: 1, spec: { image: 'mistyped' } }));
    await approved(['box'], 'step');
    const { id } = await berth.request('step');
    const [{ id: left }] = await until(
      async () => (await berth.ok('GET /v1/resources')).items,
      ([resource]) => resource?.state === 'destroyed',
    );
    expect(await berth.read(left)).toMatchObject({ reason: 'No such engine.' });
    expect(berth.calls('destroy', left)).toBe(0);
    berth.script = () => undefined;
    await berth.declare(hosts('box', { resources: 1 }));
    await berth.approve('step', 'box');
    await berth.becomes(id, 'active');
  });

  it('that may have been begun before is destroyed, whatever the last try came to', async () => {
    berth.script = ({ method, nth }) => {
      if (method !== 'build') return;
      if (nth === 1) throw new BrokerError('unavailable', 'The database went away under it.');
      throw new DriverError('unreachable', 'No such engine.', { madeNothing: true });
    };
    await berth.declare(hosts('box', { resources: 1 }));
    await approved(['box'], 'step');
    await berth.request('step');
    const [{ id }] = (await berth.ok('GET /v1/resources')).items;
    await berth.becomes(id, 'destroyed');
    expect(berth.calls('destroy', id)).toBe(1);
  });

  it('or takes long holds up no release and no cleaning, however many there are', async () => {
    const building = gate();
    await berth.declare(hosts('box'), hosts('slow', { resources: 50 }));
    await approved(['box', 'slow'], 'step');
    const { id, resource } = await berth.lease('step', { blueprints: ['box'] });
    await berth.run(id, 'echo');
    berth.script = (call) => (call.method === 'build' ? building.hold(call) : undefined);
    const body = { blueprints: ['slow'] };
    const waiting = await Promise.all(Array.from({ length: 50 }, () => berth.request('step', body)));
    await until(
      () => berth.calls('build'),
      (builds) => builds > 32,
    );
    await berth.release(id);
    await berth.becomes(id, 'destroyed');
    await berth.becomes(resource, { hygiene: 'clean' });
    building.open();
    for (const { id } of waiting) await berth.becomes(id, 'active');
  });

  it('leaves nothing behind', async () => {
    berth.script = ({ method, nth }) => {
      if (method === 'verify' && nth === 1) throw new DriverError('refused', 'It is privileged.');
    };
    await berth.declare(hosts('bad'), hosts('good'));
    await approved(['bad', 'good'], 'step');
    const { id } = await berth.request('step');
    await until(
      () => berth.ok('GET /v1/blueprints'),
      ({ items }) => items.every(({ failures }: Shown) => failures === 1),
    );
    await until(
      () => [...berth.app.fakes.values()].flatMap(({ existing }) => [...existing]),
      (existing) => existing.length === 0,
    );
    await berth.release(id);
  });
});

describe('a warm pool', () => {
  const free = (wanted: number) =>
    until(
      () => berth.ok('GET /v1/blueprints/box'),
      (box) => box.free === wanted,
    );

  it('fills to what is to be kept warm before anyone asks', async () => {
    await berth.declare(hosts('box', { resources: 5, warm: 3 }));
    await approved(['box'], 'step');
    await free(3);
    expect(berth.calls('build')).toBe(3);
  });

  it('answers at once, and is filled again without anyone waiting for it', async () => {
    await berth.declare(hosts('box', { resources: 5, warm: 2, reuse: 'none' }));
    await approved(['box'], 'step');
    await free(2);
    expect((await berth.request('step')).state).toBe('active');
    await free(2);
    expect((await berth.ok('GET /v1/blueprints/box')).live).toBe(3);
  });

  it('never goes past the limit', async () => {
    await berth.declare(hosts('box', { resources: 2, warm: 2 }));
    await approved(['box'], 'step');
    await free(2);
    await berth.lease('step');
    await berth.lease('step');
    await free(0);
    expect(berth.calls('build')).toBe(2);
  });

  it('stops building while builds fail', async () => {
    const building = gate();
    let failing = true;
    berth.script = async (call) => {
      if (call.method !== 'build' || !failing) return;
      await building.hold(call);
      throw new DriverError('unreachable', 'The engine is down.');
    };
    await berth.declare(hosts('box', { resources: 5, warm: 1 }), hosts('good'));
    await approved(['box', 'good'], 'step');
    await building.reached;
    await berth.sql(`UPDATE blueprints SET failures = 20 WHERE name = 'box'`); // it is not tried again for minutes
    building.open();
    await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ failures }) => failures === 21,
    );
    failing = false;
    const { id } = await berth.request('step', { blueprints: ['box'] });
    await berth.lease('step', { blueprints: ['good'] }); // by a turn that has looked at all of the pool
    expect(await berth.read(id)).toMatchObject({ waiting: { reason: 'queued' } });
    expect((await berth.ok('GET /v1/resources?blueprint=box')).items).toHaveLength(1);
    expect(berth.calls('build')).toBe(2);
  });

  it('of working copies is laid on hosts before anyone asks', async () => {
    await berth.declare(hosts('stand', { resources: 2 }), copies('box', 'stand', { resources: 2, warm: 1 }));
    await approved(['box'], 'step');
    await berth.approve('box', 'stand');
    await free(1);
  });
});

describe('a resource', () => {
  it('is retired after as many leases as its blueprint says', async () => {
    await berth.declare(hosts('box', { resources: 1, maxUses: 2 }));
    await approved(['box'], 'step');
    const seen = [];
    for (let n = 0; n < 3; n += 1) {
      const lease = await berth.lease('step');
      seen.push(lease.resource);
      await berth.release(lease.id);
    }
    expect(seen[0]).toBe(seen[1]);
    expect(seen[2]).not.toBe(seen[0]);
    await berth.becomes(seen[0], 'destroyed');
  });

  it('is retired at its age between leases, never during one', async () => {
    await berth.declare(hosts('box', { maxAge: '1h' }));
    await approved(['box'], 'step');
    const { id, resource } = await berth.lease('step');
    await berth.sql(`UPDATE resources SET created_at = now() - interval '2 h', due_at = now()`);
    await until(
      () => berth.sql(`SELECT FROM resources WHERE due_at > now() OR (due_at IS NULL AND claim IS NULL)`),
      (rested) => rested.length === 1,
    );
    expect(await berth.read(resource)).toMatchObject({ state: 'active' });
    await berth.release(id);
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject({ reason: 'retired' });
  });

  const later = [
    ['its age', { maxAge: '1h' }, 'retired'],
    ['its uses', { maxUses: 1 }, 'retired'],
    ['how long it may be idle', { idleAfter: '1h' }, 'idle'],
    ['how many are kept warm', { idleAfter: '1h', warm: 0 }, 'idle'],
  ] as const;
  it.each(later)('that rests is retired where %s is limited only then', async (_, change, reason) => {
    const { warm, ...rest }: Record<string, unknown> = change;
    await berth.declare(hosts('box', warm === 0 ? { ...rest, warm: 1 } : {}));
    await approved(['box'], 'step');
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await until(
      () => berth.sql(`SELECT FROM resources WHERE coalesce(due_at > now(), true) AND claim IS NULL`),
      (rested) => rested.length === 1,
    );
    await berth.sql(
      `UPDATE resources SET created_at = now() - interval '2 h', last_used_at = now() - interval '2 h'`,
    );
    await berth.declare(hosts('box', change));
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject({ reason });
  });

  it('that is past its uses since these were limited makes room for who waits, however lately it was used', async () => {
    await berth.declare(hosts('box', { idleAfter: '1h' }));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    await berth.release(first.id);
    await berth.declare(hosts('box', { idleAfter: '1h', maxUses: 1 }));
    const { id } = await berth.request('step');
    expect((await berth.becomes(id, 'active')).resource).not.toBe(first.resource);
  });

  it('that can’t be shown to be clean is destroyed and never offered again', async () => {
    berth.script = ({ method }) => {
      if (method === 'clean') throw new DriverError('not-clean', 'A process would not die.');
    };
    await berth.declare(hosts('box'));
    await approved(['box'], 'step');
    const first = await berth.lease('step');
    await berth.run(first.id, 'echo');
    await berth.release(first.id);
    const second = await berth.lease('step');
    expect(second.resource).not.toBe(first.resource);
    expect(await berth.read(first.resource)).toMatchObject({ state: 'destroyed' });
  });
});
