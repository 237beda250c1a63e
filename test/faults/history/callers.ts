import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Note, Wish } from './history.js';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a caller looks into it field by field
  body: any;
}

export interface CallersOptions {
  /** Addresses of the replicas that may answer now. */
  urls: () => string[];
  /** What is asked for, by turns. */
  wishes: Wish[];
  /** Token of each consumer. */
  tokens: Record<string, string>;
  note: (note: Note) => void;
  /** Aborts when each is to finish what it is at and go. */
  enough: AbortSignal;
  /** Aborts when they are to drop everything. */
  signal: AbortSignal;
}

/** How long a lease lives that its holder walks away from, in seconds. */
const SHORT_TTL_SECONDS = 2;
/** How long an answer may be held for one who waits: a replica that is killed within seconds has to give some before. */
const PREFER = 'wait=1';
/** Longer than any request is held. */
const PATIENCE_MS = 20_000;

/**
 * Callers that lease, hold and release over HTTP until they are told to end, each at any replica that answers, and
 * write down what they see. Whatever got no answer is sent again, under the same key.
 */
export class Callers {
  private readonly agent = new Agent({ keepAlive: true });
  /** Holds that have begun. */
  grants = 0;
  /** Requests that had to be sent again. */
  retries = 0;

  constructor(private readonly options: CallersOptions) {}

  async run(callers: number): Promise<void> {
    await Promise.all(Array.from({ length: callers }, (_, index) => this.call(index)));
    this.agent.destroy();
  }

  private async call(index: number): Promise<void> {
    const { wishes, enough } = this.options;
    for (let round = 0; !enough.aborted; round += 1) {
      const wish = wishes[index % wishes.length] as Wish;
      await this.cycle(wish, `${index}-${round}`, index + 7 * round);
    }
  }

  /** One lease from request to end; `turn` decides what is done with it, so that every kind of use comes up. */
  private async cycle(wish: Wish, key: string, turn: number): Promise<void> {
    const { note } = this.options;
    const isLeft = turn % 97 === 0;
    const { consumer, type, blueprint, priority } = wish;
    // Reckoned from when it was asked for, which was before its life began.
    const endsAt = isLeft ? performance.now() + 1000 * SHORT_TTL_SECONDS : Number.POSITIVE_INFINITY;
    note({ kind: 'asked', key, ...wish, ...(isLeft && { until: endsAt }) });
    const body = {
      type,
      blueprints: [blueprint],
      priority,
      ...(isLeft && { ttl: `${SHORT_TTL_SECONDS}s` }),
      ...(type === 'working-copy' && {
        attributes: { repositories: { app: { uri: 'https://git.example/a.git' } } },
      }),
    };
    const headers = { 'idempotency-key': key, prefer: PREFER };
    let lease = (await this.until('POST /v1/leases', consumer, { body, headers })).body;
    note({ kind: 'answered', key, lease: lease.id });
    if (turn % 53 === 0 && !isLeft && lease.state === 'pending') {
      note({ kind: 'cancelled', lease: lease.id });
      return this.release(lease, consumer);
    }
    while (lease.state === 'pending' || lease.state === 'acquired') {
      lease = (await this.until(`GET /v1/leases/${lease.id}`, consumer, { headers: { prefer: PREFER } }))
        .body;
    }
    const { id, resource, fence } = lease;
    const begunAt = performance.now();
    if (isLeft && (lease.state !== 'active' || begunAt >= endsAt))
      return note({ kind: 'missed', lease: id, at: begunAt });
    if (lease.state !== 'active') throw new Error(`Lease ${id} ended before it was held: ${lease.ended}`);
    this.grants += 1;
    note({ kind: 'begins', lease: id, resource, fence, at: begunAt });
    if (isLeft) return note({ kind: 'ends', lease: id, at: endsAt, how: 'left' });
    if (turn % 19 === 0) await this.use(lease, consumer);
    if (turn % 5 === 0) await pause(turn % 25);
    note({ kind: 'ends', lease: id, at: performance.now(), how: 'released' });
    await this.release(lease, consumer);
  }

  /** A command on the lease; whether it could be run is not what counts here. */
  private async use({ id, fence }: Answer['body'], consumer: string): Promise<void> {
    const headers = { 'berth-fence': String(fence), prefer: 'wait=5' };
    await this.send(`POST /v1/leases/${id}/commands`, consumer, { body: { argv: ['echo'] }, headers }).catch(
      () => undefined,
    );
  }

  private async release({ id, fence }: Answer['body'], consumer: string): Promise<void> {
    const headers: Record<string, string> = fence === undefined ? {} : { 'berth-fence': String(fence) };
    await this.until(`POST /v1/leases/${id}/release`, consumer, { body: {}, headers });
  }

  /** Sends until there is an answer other than "not now". */
  private async until(route: string, consumer: string, call: Call): Promise<Answer> {
    const end = Date.now() + 6 * PATIENCE_MS;
    for (let last: unknown; ; this.retries += 1) {
      this.options.signal.throwIfAborted();
      try {
        const answer = await this.send(route, consumer, call);
        if (answer.status < 300) return answer;
        last = new Error(`${route} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
        if (answer.status !== 503) throw last;
      } catch (error) {
        if (error === last) throw error;
        last = error;
      }
      if (Date.now() > end) throw new Error(`${route} was not answered`, { cause: last });
      await pause(100);
    }
  }

  private async send(route: string, consumer: string, { body, headers }: Call): Promise<Answer> {
    const { urls, tokens } = this.options;
    const [method, path] = route.split(' ') as [string, string];
    const all = urls();
    const url = all[Math.floor(Math.random() * all.length)];
    if (url === undefined) throw new Error('No replica answers.');
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request(`${url}${path}`, {
        method,
        agent: this.agent,
        signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), this.options.signal]),
        headers: {
          authorization: `Bearer ${tokens[consumer]}`,
          ...(text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      });
      call.once('error', reject);
      call.once('response', (response) => {
        json(response).then((read) => resolve({ status: response.statusCode ?? 0, body: read }), reject);
      });
      call.end(text);
    });
  }
}

interface Call {
  body?: unknown;
  headers?: Record<string, string>;
}
