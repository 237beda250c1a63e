import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, one } from '../../src/store/database.js';
import { JsonClient } from './json-client.js';
import { CONSUMERS } from './pool.js';
import { ADMIN_TOKEN } from './served.js';

const REQUEST = { type: 'host', ttl: '1h' };

/** Callers that each hold a request for a lease open until it is served, on a pool in which nothing is free. */
export class LongPolls {
  private readonly client: JsonClient;
  private readonly answers = new EventEmitter();
  private open = 0;
  private closed = false;

  constructor(
    brokerUrl: string,
    private readonly db: Database,
  ) {
    this.client = new JsonClient(brokerUrl, ADMIN_TOKEN);
  }

  /** Takes `hosts` leases, which is all there are; returns their ids. */
  async takeAll(hosts: number): Promise<string[]> {
    const taking = Array.from({ length: hosts }, (_, index) => this.request('/v1/leases', index));
    return Promise.all(taking);
  }

  /** Sees to it that `count` callers wait; returns when the broker has all of them in its queue. */
  async wait(count: number): Promise<void> {
    for (; this.open < count; this.open += 1) {
      this.request('/v1/leases?wait=300s', this.open).then(
        (id) => {
          this.open -= 1;
          this.answers.emit('answer', id);
        },
        (error) => this.closed || this.answers.emit('error', error),
      );
    }
    while ((await this.waiting()) < count) await delay(10);
  }

  /** Id of the lease whose caller is answered next. */
  async next(): Promise<string> {
    const [id] = await once(this.answers, 'answer');
    return id;
  }

  async release(id: string): Promise<void> {
    await this.client.post(`/v1/leases/${id}/release`, {}, 200);
  }

  /** Hangs up on the broker. */
  close(): void {
    this.closed = true;
    this.client.close();
  }

  private async request(path: string, index: number): Promise<string> {
    const consumer = CONSUMERS[index % CONSUMERS.length];
    const { id } = await this.client.post<{ id: string }>(path, { ...REQUEST, consumer }, 201);
    return id;
  }

  private async waiting(): Promise<number> {
    const text = `SELECT count(*) FROM leases WHERE state = 'pending'`;
    return one(await this.db.rows<{ count: number }>({ text })).count;
  }
}
