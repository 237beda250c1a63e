import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { stringify } from 'yaml';
import { client, testEngine, testImage } from '../support/docker.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { afterBench, type Server } from './bench.js';
import { JsonClient } from './json-client.js';
import { ADMIN_TOKEN, type Served, startServed } from './served.js';

export interface Shown {
  id: string;
  state: string;
  resource?: string;
  [field: string]: unknown;
}

/** A broker with containers of the engine here, and how to ask both. */
export interface Containers {
  berth: JsonClient;
  broker: Served;
  docker: Dockerode;
  /** Of the blueprint's containers. */
  image: string;
  lease(): Promise<Shown>;
  /** Leases and releases a container that is used again, so many times: what runs for the first time is slow. */
  exercise(times: number): Promise<void>;
  /** Runs a command to its end; its record. */
  run(lease: string, argv: string[]): Promise<Shown>;
  /** Ends the lease; its container goes in its time. */
  release(lease: Shown): Promise<void>;
  /** Resolves once the pool is full, and nothing is being made or removed. */
  warm(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts a broker whose blueprint makes single-use containers, of which it keeps so many ready. */
export async function startContainers(server: Server, warm: number): Promise<Containers> {
  const engine = await testEngine();
  if (!engine) throw new Error('No Docker engine answers at the default socket.');
  const [docker, image] = [client(engine), await testImage(engine)];
  const blueprints = await mkdtemp(join(tmpdir(), 'berth-bench-blueprints-'));
  const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
  const manifests = [
    policy('low', { waivers }),
    tier('low'),
    hosts('box', { resources: 10, reuse: 'none', warm, spec: { engine, image, memory: '256m', pids: 64 } }),
    hosts('again', { resources: 1, reuse: 'tier', spec: { engine, image, memory: '256m', pids: 64 } }),
    consumer('step', ['box', 'again']),
  ];
  await writeFile(join(blueprints, 'bench.yaml'), manifests.map((it) => stringify(it)).join('---\n'));
  const broker = await startServed('./docker-server.js', {
    BERTH_DATABASE_URL: await server.database('containers'),
    BERTH_BLUEPRINTS: blueprints,
  });
  const berth = new JsonClient(broker.url, ADMIN_TOKEN);
  const { broker: who } = await berth.get<{ broker: { broker: string } }>('/v1/whoami');
  afterBench(() => removeAll(docker, who.broker));
  const { items } = await berth.get<{ items: Shown[] }>('/v1/authorizations');
  for (const { id } of items) await berth.post(`/v1/authorizations/${id}/approve`, {}, 200);
  const lease = (blueprint: string) =>
    berth.post<Shown>(
      '/v1/leases?wait=30s',
      { consumer: 'step', type: 'host', blueprints: [blueprint], ttl: '10m' },
      201,
    );
  const release = async ({ id }: Shown) => {
    await berth.post(`/v1/leases/${id}/release`, {}, 200);
  };
  return {
    berth,
    broker,
    docker,
    image,
    lease: () => lease('box'),
    async exercise(times) {
      for (let nth = 0; nth < times; nth += 1) await release(await lease('again'));
    },
    run: (lease, argv) => berth.post(`/v1/leases/${lease}/commands?wait=30s`, { argv }, 201),
    release,
    async warm(count) {
      const full = (live: Shown[]) => live.length === count && live.every(({ state }) => state === 'active');
      const live = async () => {
        const { items } = await berth.get<{ items: Shown[] }>('/v1/resources?blueprint=box&limit=20');
        return items.filter(({ state }) => state !== 'destroyed');
      };
      while (!full(await live())) await turn();
    },
    async close() {
      berth.close();
      await broker.stop();
    },
  };
}

/** What a broker made and will not come to remove any more. */
async function removeAll(docker: Dockerode, broker: string): Promise<void> {
  const left = await docker.listContainers({ all: true, filters: { label: [`berth.broker=${broker}`] } });
  await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
