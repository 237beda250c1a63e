import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { extract } from 'tar-stream';
import { BerthClient, data, ProblemError, type Schemas } from '../client/client.js';

type Lease = Schemas['Lease'];

/** Seconds that a lease or a command is waited for. */
const PATIENCE = 60;
const HELD = { Prefer: `wait=${PATIENCE}` };

/** The admin, who declares who there is. */
export class Admin {
  constructor(
    private readonly url: string,
    readonly client: BerthClient,
  ) {}

  async consumer(name: string, declared: Omit<Schemas['ConsumerSpec'], 'oidc'>): Promise<Consumer> {
    const params = { path: { name } };
    await this.client.api.PUT('/v1/consumers/{name}', { params, body: declared });
    const { token } = await data(this.client.api.POST('/v1/consumers/{name}/tokens', { params, body: {} }));
    return new Consumer(name, new BerthClient({ url: this.url, token }));
  }

  async approver(name: string, tiers: string[]): Promise<Approver> {
    const params = { path: { name } };
    const body = { roles: [{ role: 'approver' as const, tiers }] };
    await this.client.api.PUT('/v1/people/{name}', { params, body });
    const { token } = await data(this.client.api.POST('/v1/people/{name}/tokens', { params, body: {} }));
    return new Approver(name, new BerthClient({ url: this.url, token }));
  }

  isolation(): Promise<Schemas['IsolationReport']> {
    return data(this.client.api.GET('/v1/isolation'));
  }

  /** Ends every lease and resource, those included that come about meanwhile. */
  async clear(): Promise<void> {
    const deadline = Date.now() + PATIENCE * 1000;
    for (let left = await this.release(); left > 0; left = await this.release()) {
      if (Date.now() > deadline) throw new Error(`${left} leases and resources do not end.`);
      await delay(100);
    }
  }

  /** @returns how many were not over yet */
  private async release(): Promise<number> {
    const leases = await collect(this.client.list('/v1/leases'));
    const resources = await collect(this.client.list('/v1/resources'));
    const isLeft = ({ state }: { state: string }) => state !== 'destroyed';
    for (const { id } of leases.filter(isLeft)) {
      await this.client.api.POST('/v1/leases/{id}/release', { params: { path: { id } }, body: {} });
    }
    for (const { id } of resources.filter(isLeft)) {
      await this.client.api.POST('/v1/resources/{id}/release', { params: { path: { id } }, body: {} });
    }
    return [...leases, ...resources].filter(isLeft).length;
  }
}

/** Somebody who decides what others asked for. */
export class Approver {
  constructor(
    readonly name: string,
    private readonly client: BerthClient,
  ) {}

  async approve(object: string, blueprint: string): Promise<Schemas['Authorization']> {
    const requested = await collect(
      this.client.list('/v1/authorizations', { state: 'requested', blueprint }),
    );
    const found = requested.find((authorization) => authorization.object.name === object);
    if (!found) throw new Error(`Nobody asked for ${object} → ${blueprint}.`);
    const params = { path: { id: found.id } };
    const body = { reason: 'part of the demonstration' };
    return data(this.client.api.POST('/v1/authorizations/{id}/approve', { params, body }));
  }
}

/** What asks for leases, with its own token. */
export class Consumer {
  constructor(
    readonly name: string,
    private readonly client: BerthClient,
  ) {}

  /** Answers at once, whether the lease is active or waits. */
  request(body: Schemas['LeaseBody']): Promise<Lease> {
    return data(this.client.api.POST('/v1/leases', { body }));
  }

  /** The lease once it is active. */
  async active({ id }: Lease): Promise<Lease> {
    const params = { path: { id }, header: HELD };
    const lease = await data(this.client.api.GET('/v1/leases/{id}', { params }));
    if (lease.state === 'active') return lease;
    const { state, waiting, ended, endedDetail = '' } = lease;
    throw new Error(`The lease is ${state}: ${waiting?.reason ?? ended} ${JSON.stringify(endedDetail)}`);
  }

  /** Runs a command to its end. */
  async run(lease: Lease, body: Schemas['CommandBody']): Promise<Ran> {
    const params = { path: { id: lease.id }, header: HELD };
    const command = await data(this.client.api.POST('/v1/leases/{id}/commands', { params, body }));
    const path = { id: lease.id, commandId: command.id };
    const route = '/v1/leases/{id}/commands/{commandId}/output';
    const output: string | undefined = await data(
      this.client.api.GET(route, { params: { path }, parseAs: 'text' }),
    );
    return { ...command, output: output ?? '' };
  }

  async artifacts({ id }: Lease): Promise<{ name: string; size: number }[]> {
    return filesIn(await this.client.artifacts(id));
  }

  release({ id }: Lease): Promise<Lease> {
    return data(this.client.api.POST('/v1/leases/{id}/release', { params: { path: { id } }, body: {} }));
  }
}

export type Ran = Schemas['Command'] & { output: string };

/** What the broker refuses with. @throws Error where it refuses nothing */
export async function refusal(act: Promise<unknown>): Promise<ProblemError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('The broker allowed what it must refuse.');
}

/** @throws Error that says what is not as it should be */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** What went wrong, with each faulty field. */
export function explain(error: unknown): string {
  const faults = error instanceof ProblemError ? error.errors : [];
  return [(error as Error).message, ...faults.map(({ path, message }) => `${path} ${message}`)].join('; ');
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function filesIn(tar: Readable): Promise<{ name: string; size: number }[]> {
  const found: { name: string; size: number }[] = [];
  for await (const entry of tar.pipe(extract())) {
    const { name, size = 0, type } = entry.header;
    if (type === 'file') found.push({ name, size });
    entry.resume();
  }
  return found;
}
