import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

const CHANNEL = 'berth';
/** NOTIFY carries at most 8,000 bytes. */
const MOST_BYTES = 7_500;
const RECONNECT_MS = 500;
/** Topics wait this long for others, in milliseconds; in that time whoever waits for them in this process is answered. */
const GATHER_MS = 5;

/**
 * News between the processes on one database, by LISTEN and NOTIFY on a connection of its own. It shortens waits and
 * little rests on it: what others send while this one's connection is down is found by the slow timers, and what this one
 * has to send then is sent on the next. Sent after the commit and gathered, because a NOTIFY inside a transaction takes a
 * lock of the whole server.
 */
export class Notifications {
  /** Messages, and times that the connection was lost. */
  readonly counts = { sent: 0, received: 0, reconnects: 0 };
  private client: pg.Client | undefined;
  private pending = new Set<string>();
  private sending = false;
  private sent: Promise<void> = Promise.resolve();
  private stopped = false;
  private reconnect: NodeJS.Timeout | undefined;

  constructor(
    private readonly url: string,
    private readonly sender: string,
    private readonly receive: (topics: string[]) => void,
  ) {}

  async start(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, application_name: 'berth notifications' });
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    client.on('notification', ({ payload }) => {
      const [sender, ...topics] = (payload ?? '').split('\n');
      if (sender === this.sender) return;
      this.counts.received += 1;
      this.receive(topics);
    });
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    this.client = client;
    this.send([]);
  }

  send(topics: Iterable<string>): void {
    for (const topic of topics) this.pending.add(topic);
    if (!this.sending && this.client) this.sent = this.flush();
  }

  /** Once what was given to it is sent. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.reconnect);
    await this.sent;
    await this.client?.end();
  }

  /** One message at a time: what comes meanwhile goes into the next, what could not be sent stays pending. */
  private async flush(): Promise<void> {
    this.sending = true;
    const taken: string[] = [];
    try {
      for (;;) {
        await pause(GATHER_MS);
        if (this.pending.size === 0 || !this.client) return;
        let payload = this.sender;
        for (const topic of this.pending) {
          if (payload.length + topic.length >= MOST_BYTES) break;
          payload += `\n${topic}`;
          taken.push(topic);
          this.pending.delete(topic);
        }
        await this.client.query({
          name: 'notify',
          text: 'SELECT pg_notify($1, $2)',
          values: [CHANNEL, payload],
        });
        taken.length = 0;
        this.counts.sent += 1;
      }
    } catch {
      // Sent once there is another connection: twice does no harm.
      for (const topic of taken) this.pending.add(topic);
    } finally {
      this.sending = false;
    }
  }

  private lost(client: pg.Client): void {
    if (this.client !== client && this.client !== undefined) return;
    if (this.client && !this.stopped) this.counts.reconnects += 1;
    this.client = undefined;
    clearTimeout(this.reconnect);
    if (this.stopped) return;
    this.reconnect = setTimeout(() => {
      this.start().catch(() => this.lost(client));
    }, RECONNECT_MS);
  }
}
