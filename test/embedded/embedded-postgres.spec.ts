import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.js';

const BROKER = fileURLToPath(new URL('./broker.mjs', import.meta.url));
const DAEMON = { uid: 1, gid: 1 };
const isRoot = process.getuid?.() === 0;
/** Whether this checkout may be read by others than root. */
const reachable = isRoot && spawnSync(process.execPath, ['--check', BROKER], DAEMON).status === 0;

describe('the PostgreSQL that comes along', () => {
  let dataDir: string;
  let brokers: ChildProcess[];
  let servers: EmbeddedPostgres[];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'berth-embedded-'));
    await chmod(dataDir, 0o711);
    brokers = [];
    servers = [];
  });

  afterEach(async () => {
    for (const broker of brokers) await end(broker, 'SIGTERM');
    for (const server of servers) await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = async () => {
    const server = await startEmbeddedPostgres({
      dataDir,
      holder: 'broker of the test',
      log: () => undefined,
    });
    servers.push(server);
    return server;
  };
  const startBroker = (as = {}) => {
    const broker = spawn(process.execPath, [BROKER, dataDir], {
      ...as,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    brokers.push(broker);
    return broker;
  };

  it('starts from nothing, keeps its data over a stop, and listens on loopback alone with a password', async () => {
    const first = await start();
    await run(first.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    await first.stop();
    await first.exited;
    const second = await start();
    expect(await run(second.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    expect(second).toMatchObject({ url: first.url, adopted: false });
    expect(
      await run(
        second.url,
        "SELECT current_setting('listen_addresses') AS on, current_setting('fsync') AS fsync",
      ),
    ).toEqual([{ on: '127.0.0.1', fsync: 'on' }]);
    const guess = new URL(second.url);
    guess.password = 'guess';
    await expect(run(guess.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('tells a second start who holds the directory, and leaves the holder alone', async () => {
    const broker = startBroker();
    const { url } = await firstWords(broker);
    await expect(start()).rejects.toMatchObject({
      name: 'DataDirectoryHeld',
      message: expect.stringContaining(
        `${dataDir} is held by the broker pid ${broker.pid} on http://127.0.0.1:8080`,
      ),
    });
    expect(await run(url!, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  it('lets one of two win that start from nothing at once', async () => {
    const racers = [startBroker(), startBroker()];
    const words = await Promise.all(racers.map(firstWords));
    const [loser] = words.filter(({ name }) => name);
    const winner = racers[words.findIndex(({ url }) => url)]!;
    expect(loser).toMatchObject({
      name: 'DataDirectoryHeld',
      message: expect.stringContaining(`pid ${winner.pid} on`),
    });
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'postgres.log']);
  });

  it('adopts the server of a broker that was killed, with its data', async () => {
    const broker = startBroker();
    const { url, pid } = await firstWords(broker);
    await run(url!, 'CREATE TABLE kept AS SELECT 1 AS n');
    await end(broker, 'SIGKILL');
    const server = await start();
    expect(server).toMatchObject({ pid, adopted: true, url });
    expect(await run(server.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    await server.stop();
    await server.exited;
    await expect(run(server.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('recovers from a server that was killed', async () => {
    const first = await start();
    await run(first.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await run(second.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
  });

  it('is not misled by a postmaster.pid whose number is another process now, nor by an empty one', async () => {
    for (const lines of [
      `${process.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n\n127.0.0.1\n\nready\n`,
      '',
    ]) {
      await (await start()).stop();
      await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), lines);
      expect(await start()).toMatchObject({ adopted: false });
      await servers.at(-1)!.stop();
    }
  });

  it('is spoken to by a socket beside its data, and over TCP where that lies too deep for one', async () => {
    const near = await start();
    const by = 'SELECT inet_server_addr() AS tcp';
    expect(decodeURIComponent(new URL(near.url).hostname)).toBe(join(dataDir, 'postgres'));
    expect(await run(near.url, by)).toEqual([{ tcp: null }]);
    await near.stop();
    const top = dataDir;
    dataDir = join(top, 'd'.repeat(100));
    await rename(top, `${top}.moved`);
    await mkdir(top);
    await chmod(top, 0o711);
    await rename(`${top}.moved`, dataDir);
    const deep = await start();
    expect(await run(deep.url, by)).toEqual([{ tcp: '127.0.0.1' }]);
    await deep.stop();
    dataDir = top;
  });

  it('takes another port when its own is taken', async () => {
    const first = await start();
    await first.stop();
    const squatter = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${new URL(first.url).port}, '127.0.0.1', () => console.log('{}'))`,
    ]);
    await firstWords(squatter);
    expect((await start()).url).not.toBe(first.url);
    await end(squatter, 'SIGKILL');
  });

  it('keeps its hold when a crashed backend makes the server restart them all', async () => {
    const server = await start();
    const client = new pg.Client(server.url);
    client.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(rows[0]!.pid, 'SIGKILL');
    await ended;
    const lock = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted";
    await until(async () => (await run(server.url, lock).catch(() => [])).length === 1);
    await expect(start()).rejects.toMatchObject({ name: 'DataDirectoryHeld' });
  });

  it('starts over after a first start that was killed half-way', async () => {
    const broker = startBroker();
    await until(
      async () =>
        (await readdir(join(dataDir, `postgres.new-${broker.pid}/cluster`)).catch(() => [])).length > 0,
    );
    await end(broker, 'SIGKILL');
    const server = await start();
    expect(await run(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'postgres.log']);
  });

  (isRoot ? it : it.skip)('starts as root in a directory that is closed to everybody else', async () => {
    await chmod(dataDir, 0o700);
    const server = await start();
    await run(server.url, 'CREATE TABLE kept AS SELECT generate_series(1, 10000) AS n');
    await run(server.url, 'CHECKPOINT');
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+65534\s/m);
    expect(status).toMatch(/^CapEff:\s+0+[24]$/m);
    await server.stop();
    await chmod(dataDir, 0o711);
    const open = await start();
    expect(await readFile(`/proc/${open.pid}/status`, 'utf8')).toMatch(
      reachable ? /^CapEff:\s+0+$/m : /^CapEff:\s+0+[24]$/m,
    );
  });

  (reachable ? it : it.skip)('starts as an ordinary user, and then as root for that user', async () => {
    await chown(dataDir, DAEMON.uid, DAEMON.gid);
    const broker = startBroker(DAEMON);
    const { pid } = await firstWords(broker);
    expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\s+1\s/m);
    await end(broker, 'SIGTERM');
    const server = await start();
    expect(await readFile(`/proc/${server.pid}/status`, 'utf8')).toMatch(/^Uid:\s+1\s/m);
  });
});

interface Words {
  url?: string;
  pid?: number;
  name?: string;
  message?: string;
}

async function firstWords(process: ChildProcess): Promise<Words> {
  const [line] = (await once(createInterface(process.stdout!), 'line')) as [string];
  return JSON.parse(line) as Words;
}

async function end(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  process.kill(signal);
  await once(process, 'exit');
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function run(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  client.on('error', () => undefined); // what is asked of it fails too
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
