import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Call, type Driver, DriverError, type LandRequest } from '../../src/drivers/driver.js';
import { startTestApp } from '../support/app.js';
import { Caller, type Shown, until, useInstallation } from '../support/installation.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase } from '../support/postgres.js';

const DOCUMENTS = [
  policy('low'),
  tier('low'),
  hosts('box'),
  copies('copy', 'box'),
  consumer('robot', ['copy'], { kind: 'repository-automation' }),
  consumer('step', ['copy']),
];
const berth = useInstallation(...DOCUMENTS);

const LANDED = { commit: 'c'.repeat(40), previous: 'b'.repeat(40), target: 'main' };
const body = {
  type: 'land',
  repository: 'ssh://git@git.example/app.git',
  source: { uri: 'https://git.example/fork.git', ref: 'refs/pull/7/head' },
  target: 'main',
  message: 'Land the feature',
  author: 'Ada <ada@example.org>',
};

/** What the driver of working copies does to land. */
let land: (change: LandRequest, call: Call) => Promise<typeof LANDED>;
let robot: string;

beforeEach(async () => {
  land = async () => LANDED;
  canLand(berth.app.fakes.get('working-copy'));
  robot = await token('consumers/robot');
});

describe('an operation', () => {
  it('works on a lease of its own, and releases it', async () => {
    await approveAll();
    let asked: LandRequest | undefined;
    land = async (change) => {
      asked = change;
      return LANDED;
    };
    const { id } = await request();
    const operation = await becomes(id, 'done');
    expect(operation).toMatchObject({ consumer: 'robot', ...body, result: LANDED });
    expect(asked).toMatchObject({ id, target: 'main', message: 'Land the feature', since: null });
    expect(await berth.becomes(operation.lease, 'destroyed')).toMatchObject({
      consumer: 'robot',
      tier: 'low',
      note: `Operation ${id}`,
      attributes: { repositories: { target: { uri: body.repository, branch: 'main' } } },
      ended: 'released',
    });
    const events = await berth.events(`&consumer=robot`);
    expect(kindsOf(events, id)).toEqual(['operation.waiting', 'operation.working', 'operation.done']);
  });

  it('waits until its blueprint is approved', async () => {
    const { id } = await request();
    const { lease } = await until(
      () => read(id),
      ({ lease }) => lease !== undefined,
    );
    expect(await berth.read(lease)).toMatchObject({ waiting: { reason: 'awaiting-authorization' } });
    expect(await read(id)).toMatchObject({ state: 'waiting' });
    await approveAll();
    await becomes(id, 'done');
  });

  it('fails with the reason of its lease', async () => {
    const { id } = await request();
    const { lease } = await until(
      () => read(id),
      ({ lease }) => lease !== undefined,
    );
    await berth.release(lease);
    expect(await becomes(id, 'failed')).toMatchObject({ result: { reason: 'cancelled' } });
  });

  it('fails where its blueprint is declined while it waits', async () => {
    const { id } = await request();
    await until(
      () => read(id),
      ({ lease }) => lease !== undefined,
    );
    const edge = await berth.edge('robot', 'copy');
    await berth.ok(`POST /v1/authorizations/${edge.id}/decline`, { body: { reason: 'no' } });
    expect(await becomes(id, 'failed')).toMatchObject({ result: { reason: 'revoked' } });
    const again = await request();
    expect(await becomes(again.id, 'failed')).toMatchObject({ result: { reason: 'forbidden' } });
  });

  it('fails with what git says', async () => {
    await approveAll();
    const details = {
      phase: 'squash-merge',
      command: 'git merge-tree',
      exitCode: 1,
      stdout: 'CONFLICT',
      stderr: '',
    };
    land = async () => {
      throw new DriverError('conflict', 'It conflicts.', { details });
    };
    const { id } = await request();
    const operation = await becomes(id, 'failed');
    expect(operation.result).toEqual({ reason: 'conflict', message: 'It conflicts.', ...details });
    await berth.becomes(operation.lease, 'destroyed');
  });

  it('tries again after what passes', async () => {
    await approveAll();
    let tries = 0;
    land = async () => {
      tries += 1;
      if (tries < 2) throw new DriverError('unreachable', 'Not now.', { temporary: true });
      return LANDED;
    };
    await becomes((await request()).id, 'done');
    expect(tries).toBe(2);
  });

  it('is stopped with its lease', async () => {
    await approveAll();
    const { begun, stopped } = holdLanding();
    const { id } = await request();
    await begun;
    const { lease } = await read(id);
    await berth.revoke('robot', 'copy', { breakLeases: true });
    await stopped;
    expect(await becomes(id, 'failed')).toMatchObject({
      result: { reason: 'revoked', message: expect.stringContaining(`Berth-Operation: ${id}`) },
    });
    await berth.becomes(lease, 'destroyed');
  });

  it('is carried on by the next broker where one stops', async () => {
    const database = await createTestDatabase();
    const { begun } = holdLanding();
    const first = await startTestApp({ databaseUrl: database.url });
    canLand(first.fakes.get('working-copy'));
    const caller = new Caller(first);
    await caller.declare(...DOCUMENTS);
    await caller.approve('copy', 'box');
    await caller.approve('robot', 'copy');
    const { id } = await caller.ok('POST /v1/operations', { body: { ...body, consumer: 'robot' } });
    await begun;
    await first.close();
    land = async () => LANDED;
    const second = await startTestApp({ databaseUrl: database.url });
    canLand(second.fakes.get('working-copy'));
    const next = new Caller(second);
    const done = await until(
      () => next.ok(`GET /v1/operations/${id}`),
      ({ state }) => state === 'done',
    );
    expect(done.result).toEqual(LANDED);
    await Promise.all([caller.close(), next.close(), second.close()]);
    await database.drop();
  });

  it('is one for one idempotency key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await berth.call('POST /v1/operations', { token: robot, body, headers });
    expect(first).toMatchObject({ status: 202, body: { state: 'waiting' } });
    const { status, body: again } = await berth.call('POST /v1/operations', { token: robot, body, headers });
    expect([status, again]).toEqual([first.status, first.body]);
    expect((await berth.ok('GET /v1/operations')).items).toHaveLength(1);
  });

  it('is taken off the list once it is over', async () => {
    const { id } = await request();
    const dismiss = () => berth.call(`POST /v1/operations/${id}/dismiss`, { token: robot, body: {} });
    expect(await dismiss()).toMatchObject({ status: 409, body: { code: 'conflict' } });
    await approveAll();
    await becomes(id, 'done');
    const dismissed = await dismiss();
    expect(dismissed).toMatchObject({ status: 200, body: { dismissedAt: expect.any(String) } });
    expect((await dismiss()).body).toEqual(dismissed.body);
    const events = await berth.events('&consumer=robot');
    expect(kindsOf(events, id).at(-1)).toBe('operation.dismissed');
  });
});

describe('operations', () => {
  it('are seen by their consumer and by people, and by no other consumer', async () => {
    const { id } = await request();
    await berth.ok('PUT /v1/people/vic', { body: { roles: [{ role: 'viewer' }] } });
    const [step, vic] = [await token('consumers/step'), await token('people/vic')];
    const status = async (route: string, token: string) => (await berth.call(route, { token })).status;
    expect(await status(`GET /v1/operations/${id}`, robot)).toBe(200);
    expect(await status(`GET /v1/operations/${id}`, vic)).toBe(200);
    expect(await status(`GET /v1/operations/${id}`, step)).toBe(404);
    const dismiss = (token: string) => berth.call(`POST /v1/operations/${id}/dismiss`, { token, body: {} });
    expect([(await dismiss(vic)).status, (await dismiss(step)).status]).toEqual([403, 404]);
    const list = async (token: string) => (await berth.ok('GET /v1/operations', { token })).items.length;
    expect([await list(robot), await list(vic), await list(step)]).toEqual([1, 1, 0]);
    expect((await berth.ok('GET /v1/operations?state=done&consumer=robot')).items).toEqual([]);
  });

  it('are for repository automation, which asks for itself', async () => {
    const ask = async (token: string | undefined, more: object = {}) => {
      const answer = await berth.call('POST /v1/operations', { token, body: { ...body, ...more } });
      return [answer.status, answer.body.code];
    };
    const step = await token('consumers/step');
    expect(await ask(step)).toEqual([403, 'forbidden']);
    expect(await ask(step, { consumer: 'robot' })).toEqual([403, 'forbidden']);
    expect(await ask(undefined, { consumer: 'step' })).toEqual([403, 'forbidden']);
    expect(await ask(undefined)).toEqual([400, 'malformed']);
    expect(await ask(undefined, { consumer: 'nobody' })).toEqual([422, 'impossible']);
    expect(await ask(undefined, { consumer: 'robot' })).toEqual([202, undefined]);
  });

  it.each([
    ['repository', { repository: 'ext::sh -c true' }],
    ['source.ref', { source: { uri: 'https://git.example/fork.git', ref: '--upload-pack=touch' } }],
    ['target', { target: '--force' }],
    ['author', { author: 'Ada' }],
  ])('are refused for their %s before anything is done', async (path, more) => {
    expect(
      await berth.call('POST /v1/operations', { token: robot, body: { ...body, ...more } }),
    ).toMatchObject({
      status: 422,
      body: { code: 'impossible', errors: [{ path }] },
    });
    expect((await berth.ok('GET /v1/operations')).items).toEqual([]);
  });
});

function canLand(driver: Driver | undefined): void {
  if (driver) driver.land = (_lease, change, call) => land(change, call);
}

/** Landing goes on until it is stopped. */
function holdLanding(): { begun: Promise<void>; stopped: Promise<void> } {
  let begin: () => void = () => undefined;
  let stop: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  land = async (_change, { signal }) => {
    begin();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    stop();
    throw new DriverError('timed-out', 'Stopped.', { temporary: true });
  };
  return { begun, stopped };
}

async function approveAll(): Promise<void> {
  await berth.approve('copy', 'box');
  await berth.approve('robot', 'copy');
}

const request = () => berth.ok('POST /v1/operations', { token: robot, body });
const read = (id: string): Promise<Shown> => berth.ok(`GET /v1/operations/${id}`);
const becomes = (id: string, state: string) =>
  until(
    () => read(id),
    (operation) => operation.state === state,
  );
const token = async (owner: string): Promise<string> => (await berth.ok(`POST /v1/${owner}/tokens`)).token;
const kindsOf = (events: Shown[], id: string) =>
  events.filter(({ operation }) => operation === id).map(({ kind }) => kind);
