import { setTimeout as sleep } from 'node:timers/promises';
import type { BerthClient } from '../../src/client/client.js';
import type { FakeDriver } from '../../src/drivers/fake.driver.js';
import { startTestApp, type TestApp } from '../support/app.js';

/** An answer, with its JSON read where it has one. */
export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into it field by field
  body: any;
}

export interface Call {
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface World {
  url: string;
  client: BerthClient;
  tokens: { admin: string; approver: string; viewer: string; step: string; other: string };
  /** Sends as the admin unless told otherwise; `token: null` sends none. */
  call(route: string, call?: Call): Promise<Answer>;
  /** An active lease of the consumer `step`. */
  lease(): Promise<Answer['body']>;
  /** Ids of the resources that exist for the blueprint `hosts`. */
  existing: Set<string>;
  close(): Promise<void>;
}

/**
 * An installation with all that routes need: tiers `low` and `high`, the blueprint `hosts` in `low`, approved for the
 * consumer `step`; `other` lists it without approval; people of each role.
 */
export async function startWorld(): Promise<World> {
  const app = await startTestApp();
  try {
    return await furnish(app);
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function furnish(app: TestApp): Promise<World> {
  const call = async (route: string, { token = app.adminToken, body, headers = {} }: Call = {}) => {
    const [method, path] = route.split(' ') as [string, string];
    const response = await fetch(`${app.url}${path}`, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  await succeed(call('POST /v1/manifests', { body: { documents: DOCUMENTS } }));
  const [edge] = (await call('GET /v1/authorizations?consumer=step')).body.items;
  await succeed(call(`POST /v1/authorizations/${edge.id}/approve`, { body: { reason: 'for the tests' } }));
  await succeed(call('PUT /v1/people/ada', { body: { roles: [{ role: 'approver', tiers: ['low'] }] } }));
  await succeed(call('PUT /v1/people/vic', { body: { roles: [{ role: 'viewer' }] } }));
  const tokenOf = async (owner: string) => (await succeed(call(`POST /v1/${owner}/tokens`))).body.token;
  const tokens = {
    admin: app.adminToken,
    approver: await tokenOf('people/ada'),
    viewer: await tokenOf('people/vic'),
    step: await tokenOf('consumers/step'),
    other: await tokenOf('consumers/other'),
  };
  const lease = async () => {
    const request = { token: tokens.step, body: { type: 'host' }, headers: { prefer: 'wait=20' } };
    return (await succeed(call('POST /v1/leases', request), 201)).body;
  };
  const { existing } = app.fakes.get('docker-host') as FakeDriver;
  return { url: app.url, client: app.client, tokens, call, lease, existing, close: () => app.close() };
}

const DOCUMENTS = [
  manifest('Policy', 'policy', { isolation: 'low' }),
  manifest('Tier', 'low', {}),
  manifest('Tier', 'high', { fourEyes: true }),
  manifest('Blueprint', 'hosts', hosts('low')),
  manifest('Consumer', 'step', { kind: 'build-step', tier: 'low', blueprints: ['hosts'] }),
  manifest('Consumer', 'other', { kind: 'build-step', tier: 'low', blueprints: ['hosts'] }),
];

export function hosts(tier: string): Record<string, unknown> {
  return { type: 'docker-host', tier, reuse: 'tier', limits: { resources: 100 }, spec: {} };
}

export function manifest(kind: string, name: string, spec: Record<string, unknown>) {
  return { apiVersion: 'berth/v1', kind, metadata: { name }, spec };
}

export async function until<T>(look: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + 10_000; ; await sleep(20)) {
    const value = await look();
    if (wanted(value) || Date.now() > end) return value;
  }
}

async function succeed(answer: Promise<Answer>, wanted?: number): Promise<Answer> {
  const { status, headers, body } = await answer;
  if (wanted ? status === wanted : status < 300) return { status, headers, body };
  throw new Error(`Answered ${status}: ${JSON.stringify(body)}`);
}
