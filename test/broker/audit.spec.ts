import { describe, expect, it } from '@jest/globals';
import { useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));

const ADA = '/v1/people/ada';
const PEOPLE = 'SELECT name, roles FROM people ORDER BY name';
const TOKENS = 'SELECT id, revoked_at FROM tokens ORDER BY id';
const RESOURCES = 'SELECT id, cordoned FROM resources ORDER BY id';
const OPERATIONS = 'SELECT id, dismissed_at FROM operations ORDER BY id';

const roles = [{ role: 'viewer' }];

async function ada(): Promise<string> {
  await berth.ok(`PUT ${ADA}`, { body: { roles } });
  return ADA;
}

async function adasToken(): Promise<string> {
  return `${ADA}/tokens/${(await berth.ok(`POST ${await ada()}/tokens`, { body: {} })).id}`;
}

async function leased(): Promise<string> {
  await berth.approve('step', 'box');
  return `/v1/resources/${(await berth.lease('step')).resource}`;
}

async function cordoned(): Promise<string> {
  const resource = await leased();
  await berth.ok(`POST ${resource}/cordon`, { body: {} });
  return resource;
}

async function failedOperation(): Promise<string> {
  const id = 'op_01kb0000000000000000000000';
  await berth.sql(
    `INSERT INTO operations (id, type, consumer, request, state, ended_at) VALUES ($1, 'land', 'step', $2, 'failed', now())`,
    [id, { source: {} }],
  );
  return `/v1/operations/${id}`;
}

describe('what an admin changes', () => {
  it.each<[kind: string, rows: string, prepared: () => Promise<string>, body: object | undefined]>([
    ['person.created', PEOPLE, async () => `PUT ${ADA}`, { roles }],
    ['person.updated', PEOPLE, async () => `PUT ${await ada()}`, { roles: [] }],
    ['person.removed', PEOPLE, async () => `DELETE ${await ada()}`, undefined],
    ['token.created', TOKENS, async () => `POST ${await ada()}/tokens`, {}],
    ['token.revoked', TOKENS, async () => `DELETE ${await adasToken()}`, undefined],
    ['resource.cordoned', RESOURCES, async () => `POST ${await leased()}/cordon`, {}],
    ['resource.uncordoned', RESOURCES, async () => `POST ${await cordoned()}/uncordon`, {}],
    ['operation.dismissed', OPERATIONS, async () => `POST ${await failedOperation()}/dismiss`, {}],
  ])('is changed with its event %s, or not at all', async (kind, rows, prepared, body) => {
    const route = await prepared();
    const before = await berth.sql(rows);
    await berth.sql(`ALTER TABLE events ADD CONSTRAINT refused CHECK (kind <> '${kind}') NOT VALID`);
    const refused = await berth.call(route, { body });
    await berth.sql('ALTER TABLE events DROP CONSTRAINT refused');
    expect(refused.status).toBe(500);
    expect(await berth.sql(rows)).toEqual(before);

    await berth.ok(route, { body });
    expect(await berth.sql(rows)).not.toEqual(before);
    const told = (await berth.events()).filter((event) => event.kind === kind);
    expect(told).toMatchObject([{ principal: 'admin' }]);
  });

  it('leaves no event where it is so already', async () => {
    const resource = await cordoned();
    for (const act of ['cordon', 'uncordon', 'uncordon'])
      await berth.ok(`POST ${resource}/${act}`, { body: {} });
    const kinds = (await berth.events('&blueprint=box')).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.endsWith('cordoned'))).toEqual([
      'resource.cordoned',
      'resource.uncordoned',
    ]);
  });
});

describe('a token that is asked for again under its key', () => {
  const ask = () =>
    berth.call(`POST ${ADA}/tokens`, { body: {}, headers: { 'idempotency-key': 'adas first' } });

  it('is the same one, and never one that nobody knows of', async () => {
    await ada();
    const first = await ask();
    expect(first).toMatchObject({ status: 201 });
    expect(await ask()).toMatchObject({ status: 201, body: first.body });
    // As where the broker died before it had kept the answer.
    await berth.sql('UPDATE idempotency_keys SET status = NULL, answer = NULL');
    expect(await ask()).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await berth.sql(TOKENS)).toContainEqual({ id: first.body.id, revoked_at: null });
  });
});
