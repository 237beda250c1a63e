import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { consumer, copies, hosts, machines, policy, tier } from '../../support/manifests.js';
import { Callers } from './callers.js';
import type { History, LogEvent, Note, Wish } from './history.js';
import { Replicas } from './replicas.js';

export interface Recording {
  /** A migrated or empty database of its own. */
  databaseUrl: string;
  /** Holds to record, at the least. */
  grants: number;
  /** That serve at the same time, at the least. */
  replicas?: number;
  callers?: number;
  /** A replica is killed this often, in milliseconds; more seldom where the machine can't start others as fast. */
  killEveryMs?: number;
  /** Told each second how far it is. */
  progress?: (done: Done) => void;
  /** Ends it before its time. */
  signal?: AbortSignal;
}

export interface Done {
  grants: number;
  kills: number;
  retries: number;
  seconds: number;
}

const ADMIN_TOKEN = 'the-admin-of-the-history';
/** Replicas beyond those that must serve: while one is killed each second, so many are about to start. */
const STARTING = 2;
const CONSUMERS = ['unit-tests', 'deploys', 'nightly'];
/** What is declared, and what the history is held against. */
const LIMITS = {
  box: { resources: 8, leasesPerResource: 1 },
  fleet: { resources: 3, leasesPerResource: 4 },
  trees: { resources: 6, leasesPerResource: 1 },
  stand: { resources: 6, leasesPerResource: 1 },
} satisfies History['limits'];
/** No grant for so long is a fault, as is whatever is not at rest so long after the last caller went, in milliseconds. */
const STANDSTILL_MS = 60_000;

/**
 * Plays callers against replicas of which one after the other is killed, and returns what was recorded of it once
 * all is at rest again.
 *
 * @throws Error where a caller was refused, or nothing goes on for a minute
 */
export async function recordHistory(recording: Recording): Promise<{ history: History; done: Done }> {
  const { databaseUrl, replicas = 3, callers = 64 } = recording;
  const directory = await mkdtemp(join(tmpdir(), 'berth-history-'));
  const notes = join(directory, 'notes.jsonl');
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const brokers = await Replicas.start(databaseUrl, {
    adminToken: ADMIN_TOKEN,
    count: replicas + STARTING,
    directory,
  });
  try {
    const tokens = await furnish(brokers.urls()[0] as string);
    const done = await play({ ...recording, brokers, tokens, replicas, callers, notes });
    const live = await atRest(db);
    await brokers.stop();
    const history = {
      events: await eventsOf(db),
      notes: await notesIn(notes),
      limits: LIMITS,
      live,
      wanted: recording.grants,
    };
    return { history, done };
  } finally {
    await brokers.stop();
    await db.end();
    await rm(directory, { recursive: true, force: true });
  }
}

async function play({
  grants,
  killEveryMs = 1000,
  progress,
  signal = new AbortController().signal,
  replicas,
  ...parts
}: Recording & {
  brokers: Replicas;
  tokens: Record<string, string>;
  notes: string;
  replicas: number;
  callers: number;
}): Promise<Done> {
  const { brokers, tokens } = parts;
  const enough = new AbortController();
  const dropped = new AbortController();
  const ended = enough.signal;
  const drop = () => {
    enough.abort();
    dropped.abort(signal.reason);
  };
  signal.addEventListener('abort', drop, { once: true });
  if (signal.aborted) drop();
  const file = createWriteStream(parts.notes);
  const callers = new Callers({
    urls: () => brokers.urls(),
    wishes: WISHES,
    tokens,
    note: (note) => void file.write(`${JSON.stringify(note)}\n`),
    enough: ended,
    signal: dropped.signal,
  });
  const began = performance.now();
  const done = (): Done => ({
    grants: callers.grants,
    kills: brokers.kills,
    retries: callers.retries,
    seconds: (performance.now() - began) / 1000,
  });
  const watch = async () => {
    for (
      let seen = -1, since = Date.now();
      !ended.aborted;
      await pause(1000, undefined, { signal: ended }).catch(() => undefined)
    ) {
      progress?.(done());
      if (callers.grants > seen) [seen, since] = [callers.grants, Date.now()];
      if (Date.now() - since > STANDSTILL_MS) throw new Error(`No grant for a minute, after ${seen}.`);
      // The first kill comes when others start quickly, which may be later.
      if (callers.grants >= grants && brokers.kills > 0) enough.abort();
    }
  };
  const parties = [
    callers.run(parts.callers),
    brokers.killUntil(ended, { everyMs: killEveryMs, leaving: replicas }),
    watch(),
  ];
  try {
    await Promise.race([brokers.failed, Promise.all(parties)]);
  } finally {
    enough.abort();
    dropped.abort(new Error('Another part of the recording failed.'));
    await Promise.allSettled(parties);
    file.end();
    await once(file, 'close');
  }
  signal.throwIfAborted();
  return done();
}

/**
 * Every consumer wants every kind, most of them hosts of one kind or the other; and one some of the first with priority:
 * fewer than there are, so that the others are served within the ten minutes from which on waiting counts as priority.
 */
const WISHES: Wish[] = [
  ...CONSUMERS.flatMap((consumer): Wish[] => [
    { consumer, type: 'host', blueprint: 'box', priority: 0 },
    { consumer, type: 'host', blueprint: 'fleet', priority: 0 },
    { consumer, type: 'host', blueprint: 'box', priority: 0 },
    { consumer, type: 'host', blueprint: 'fleet', priority: 0 },
    { consumer, type: 'working-copy', blueprint: 'trees', priority: 0 },
  ]),
  { consumer: 'deploys', type: 'host', blueprint: 'box', priority: 5 },
];

/** Declares the blueprints and consumers, approves all, and returns a token for each consumer. */
async function furnish(url: string): Promise<Record<string, string>> {
  const call = async (route: string, body?: unknown) => {
    const [method, path] = route.split(' ') as [string, string];
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${route} answered ${answer.status}: ${await answer.text()}`);
    return answer.json() as Promise<{ items: { id: string }[]; token: string }>;
  };
  const names = Array.from({ length: LIMITS.fleet.resources }, (_, index) => `machine-${index}`);
  const documents = [
    policy('low'),
    tier('low'),
    hosts('box', { ...LIMITS.box, maxUses: 500 }),
    machines('fleet', names, { ...LIMITS.fleet }),
    hosts('stand', { ...LIMITS.stand }),
    copies('trees', 'stand', { resources: LIMITS.trees.resources }),
    ...CONSUMERS.map((name) => consumer(name, ['box', 'fleet', 'trees'])),
  ];
  await call('POST /v1/manifests', { documents });
  const { items } = await call('GET /v1/authorizations?state=requested&limit=500');
  for (const { id } of items) await call(`POST /v1/authorizations/${id}/approve`, {});
  const tokens: Record<string, string> = {};
  for (const name of CONSUMERS) tokens[name] = (await call(`POST /v1/consumers/${name}/tokens`)).token;
  return tokens;
}

/** Waits until no consumer has a lease left, for a minute at most; the ids of all that are not destroyed. */
async function atRest(db: pg.Pool): Promise<string[]> {
  for (const end = Date.now() + STANDSTILL_MS; ; await pause(100)) {
    const { rows } = await db.query(`SELECT id, object_kind FROM leases WHERE state <> 'destroyed'`);
    const isIdle = rows.every(({ object_kind }) => object_kind === 'blueprint');
    if (isIdle || Date.now() > end) return rows.map(({ id }) => id);
  }
}

async function eventsOf(db: pg.Pool): Promise<LogEvent[]> {
  const { rows } = await db.query(
    `SELECT xid::text AS transaction, kind, lease, resource, blueprint, consumer, data FROM events
      WHERE kind LIKE 'lease.%' OR kind LIKE 'resource.%' ORDER BY events.xid, seq`,
  );
  return rows;
}

async function notesIn(path: string): Promise<Note[]> {
  const notes: Note[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) notes.push(JSON.parse(line));
  return notes;
}
