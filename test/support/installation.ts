import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import pg from 'pg';
import type { FakeCall } from '../../src/drivers/fake.driver.js';
import { startTestApp, type TestApp } from './app.js';
import { violations } from './invariants.js';

/** An answer, with its JSON read where it has one. */
export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into it field by field
  body: any;
}

export interface Call {
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A lease, resource or other object as the API shows it. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into it field by field
export type Shown = any;

/** Where a broker answers, and as whom one asks by default. */
export interface Endpoint {
  url: string;
  adminToken: string;
  databaseUrl: string;
}

/** How long after a fault anything may be amiss, in milliseconds. */
const WHOLE_MS = 10_000;

/** One broker as its users see it, and the database below it. */
export class Caller {
  readonly db: pg.Pool;

  constructor(readonly endpoint: Endpoint) {
    this.db = new pg.Pool({ connectionString: endpoint.databaseUrl, max: 4 });
    this.db.on('error', () => undefined);
  }

  /** Sends as the admin unless told otherwise. */
  async call(
    route: string,
    { token = this.endpoint.adminToken, body, headers = {} }: Call = {},
  ): Promise<Answer> {
    const [method, path] = route.split(' ') as [string, string];
    const response = await fetch(`${this.endpoint.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  /** As `call`, for what must succeed: its body. */
  async ok(route: string, call: Call = {}): Promise<Shown> {
    const { status, body } = await this.call(route, call);
    if (status >= 300) throw new Error(`${route} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  async declare(...documents: unknown[]): Promise<Shown[]> {
    return (await this.ok('POST /v1/manifests', { body: { documents } })).changes;
  }

  async edge(object: string, blueprint: string): Promise<Shown> {
    const { items } = await this.ok(`GET /v1/authorizations?blueprint=${blueprint}&limit=500`);
    return items.find((item: Shown) => item.object.name === object);
  }

  async approve(object: string, blueprint: string, body: Record<string, unknown> = {}): Promise<Shown> {
    const { id } = await this.edge(object, blueprint);
    return this.ok(`POST /v1/authorizations/${id}/approve`, { body });
  }

  async revoke(object: string, blueprint: string, body: Record<string, unknown> = {}): Promise<Shown> {
    const { id } = await this.edge(object, blueprint);
    return this.ok(`POST /v1/authorizations/${id}/revoke`, { body: { reason: 'for the test', ...body } });
  }

  /** Requests a lease and answers at once, whatever its state. */
  request(consumer: string, body: Record<string, unknown> = {}, wait = 0): Promise<Shown> {
    const headers: Record<string, string> = wait > 0 ? { prefer: `wait=${wait}` } : {};
    return this.ok('POST /v1/leases', { body: { type: 'host', consumer, ...body }, headers });
  }

  /** A lease that must become active within 10 s. */
  async lease(consumer: string, body: Record<string, unknown> = {}): Promise<Shown> {
    const lease = await this.request(consumer, body, 10);
    if (lease.state !== 'active') throw new Error(`The lease is ${JSON.stringify(lease)}`);
    return lease;
  }

  read(id: string): Promise<Shown> {
    return this.ok(`GET /v1/${id.startsWith('res_') ? 'resources' : 'leases'}/${id}`);
  }

  release(id: string): Promise<Shown> {
    return this.ok(`POST /v1/leases/${id}/release`, { body: {} });
  }

  /** Runs a command on a lease to its end, so that the lease has been used. */
  run(id: string, shell: string, wait = 10): Promise<Shown> {
    const headers: Record<string, string> = wait > 0 ? { prefer: `wait=${wait}` } : {};
    return this.ok(`POST /v1/leases/${id}/commands`, { body: { shell }, headers });
  }

  /** The lease or resource, once it is in this state; fails after a while. */
  becomes(id: string, wanted: Record<string, unknown> | string): Promise<Shown> {
    const fields = typeof wanted === 'string' ? { state: wanted } : wanted;
    const matches = (found: Shown) => Object.entries(fields).every(([name, value]) => found[name] === value);
    return until(() => this.read(id), matches);
  }

  async sql<T = Shown>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.db.query(text, values)).rows as T[];
  }

  /** Lets the brokers look for work now, after a test has turned the clock by SQL. */
  async nudge(): Promise<void> {
    await this.sql(`SELECT pg_notify('berth', E'test\\ndue')`);
  }

  /** Once the doctor, asked as an operator asks, finds every invariant whole; that is to be within 10 s of a fault. */
  async doctorWhole(): Promise<void> {
    const end = Date.now() + WHOLE_MS;
    const { body } = await until(
      () => this.call('GET /v1/doctor'),
      (answer) => answer.body.whole || Date.now() > end,
    );
    expect(body).toMatchObject({ whole: true, findings: [], unchecked: [] });
  }

  /** The metrics' values by series, each with its labels in the order of their names. */
  async metrics(): Promise<Map<string, number>> {
    const text: string = await this.ok('GET /metrics');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const [, name, labels = '', value] = /^(\w+)(?:{(.*)})? (\S+)$/.exec(line) as unknown as [
          string,
          string,
          string,
          string,
        ];
        const sorted = labels
          .split(/,(?=\w+=")/)
          .sort()
          .join(',');
        return [labels ? `${name}{${sorted}}` : name, Number(value)];
      }),
    );
  }

  async events(query = ''): Promise<Shown[]> {
    return (await this.ok(`GET /v1/events?limit=500${query}`)).items;
  }

  async close(): Promise<void> {
    await this.db.end();
  }
}

/** Longer than any test: whom no signal wakes waits for ever, and does not pass for one who was just woken late. */
const NEVER_MS = 3_600_000;

/** A broker with fake drivers, whose script may change as a test goes on. */
export class Installation extends Caller {
  script: (call: FakeCall) => Promise<void> | void = () => undefined;

  private constructor(readonly app: TestApp) {
    super(app);
  }

  static async start(): Promise<Installation> {
    const script = (call: FakeCall) => installation.script(call);
    const installation: Installation = new Installation(await startTestApp({ script, serveMs: NEVER_MS }));
    return installation;
  }

  /** Forgets all that was declared and done, which takes a tenth of the time of another broker. */
  async reset(): Promise<void> {
    this.script = () => undefined;
    await this.sql(`DELETE FROM command_output; DELETE FROM commands; DELETE FROM operations; DELETE FROM leases;
      DELETE FROM resources; DELETE FROM authorizations; DELETE FROM blueprints; DELETE FROM consumers;
      DELETE FROM tiers; DELETE FROM events; DELETE FROM idempotency_keys; DELETE FROM people WHERE name <> 'admin';
      DELETE FROM tokens WHERE name <> 'admin'; UPDATE installation SET isolation = 'high', waivers = '[]', pruned_xid = NULL, pruned_seq = NULL`);
    for (const fake of this.app.fakes.values()) {
      fake.calls.length = 0;
      fake.existing.clear();
    }
  }

  /** Calls of a driver's method so far, on this subject or on any. */
  calls(method: FakeCall['method'], id?: string): number {
    const all = [...this.app.fakes.values()].flatMap(({ calls }) => calls);
    return all.filter((call) => call.method === method && (id === undefined || call.id === id)).length;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.app.close();
  }
}

/**
 * A broker for all tests of a file. Each test begins with nothing but what the documents declare, and must leave a
 * database in which every invariant holds.
 */
export function useInstallation(...documents: unknown[]): Installation {
  let installation: Installation | undefined;
  beforeAll(async () => {
    installation = await Installation.start();
  });
  beforeEach(async () => {
    await installation?.reset();
    await installation?.declare(...documents);
  });
  afterEach(async () => {
    if (installation) expect(await violations(installation.db)).toEqual([]);
  });
  afterAll(() => installation?.close());
  return new Proxy({} as Installation, {
    get: (_, name) => {
      const value = Reflect.get(installation as Installation, name);
      return typeof value === 'function' ? value.bind(installation) : value;
    },
    set: (_, name, value) => Reflect.set(installation as Installation, name, value),
  });
}

/** Far more than anything takes, also on a busy machine. */
const MOST_MS = 20_000;

/** Looks until it is as wanted; fails with the last look after a while. */
export async function until<T>(look: () => Promise<T> | T, wanted: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + MOST_MS; ; await pause(10)) {
    const value = await look();
    if (wanted(value)) return value;
    if (Date.now() > end) throw new Error(`Waited in vain; at last: ${JSON.stringify(value)}`);
  }
}

/** A promise, and what resolves it: holds a fake driver's call until the test lets it go. */
export function gate(): {
  readonly reached: Promise<void>;
  hold: (call: FakeCall) => Promise<void>;
  open: () => void;
} {
  let arrive: () => void = () => undefined;
  let open: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    reached,
    hold: ({ signal }) => {
      arrive();
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return Promise.race([opened, aborted]);
    },
    open: () => open(),
  };
}
