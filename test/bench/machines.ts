import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'ssh2';
import { stringify } from 'yaml';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { afterBench, type Server } from './bench.js';
import type { Shown } from './containers.js';
import { JsonClient } from './json-client.js';
import { ADMIN_TOKEN, startServed } from './served.js';

/** A broker with one machine behind SSH, and how to ask both. */
export interface Machine {
  sshd: Sshd;
  /** `spec` of the blueprint. */
  spec: Record<string, unknown>;
  lease(): Promise<Shown>;
  /** Runs a command to its end; its record. */
  run(lease: string, argv: string[]): Promise<Shown>;
  close(): Promise<void>;
}

/** Starts an sshd on loopback and a broker that lends it. */
export async function startMachine(server: Server): Promise<Machine> {
  const sshd = await startSshd();
  afterBench(() => sshd.stop());
  const { address, port, hostKey, user, root, privateKey } = sshd;
  const spec = { hosts: [{ name: 'one', address, port, hostKey }], user, credential: 'key', root };
  const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
  const credential = {
    apiVersion: 'berth/v1',
    kind: 'Credential',
    metadata: { name: 'key' },
    spec: { type: 'ssh-key', secret: privateKey },
  };
  const blueprints = await mkdtemp(join(tmpdir(), 'berth-bench-blueprints-'));
  const manifests = [
    policy('low', { waivers }),
    tier('low'),
    credential,
    hosts('machine', { type: 'ssh-host', spec }),
    consumer('step', ['machine']),
  ];
  await writeFile(join(blueprints, 'bench.yaml'), manifests.map((it) => stringify(it)).join('---\n'));
  const broker = await startServed('./docker-server.js', {
    BERTH_DATABASE_URL: await server.database('machines'),
    BERTH_BLUEPRINTS: blueprints,
  });
  const berth = new JsonClient(broker.url, ADMIN_TOKEN);
  const { items } = await berth.get<{ items: Shown[] }>('/v1/authorizations');
  for (const { id } of items) await berth.post(`/v1/authorizations/${id}/approve`, {}, 200);
  return {
    sshd,
    spec,
    lease: () => berth.post('/v1/leases?wait=30s', { consumer: 'step', type: 'host', ttl: '10m' }, 201),
    run: (lease, argv) => berth.post(`/v1/leases/${lease}/commands?wait=30s`, { argv }, 201),
    async close() {
      berth.close();
      await broker.stop();
    },
  };
}

/** Runs commands by ssh2 alone, on one connection that is kept, with Nagle's algorithm off as the driver has it. */
export async function rawSsh({ address, port, user, privateKey }: Sshd) {
  const client = new Client();
  const sock = connect({ host: address, port, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.connect({ sock, username: user, privateKey });
  });
  const run = (command: string) =>
    new Promise<number>((resolve, reject) => {
      client.exec(command, (fault, channel) => {
        if (fault) return reject(fault);
        let exitCode = -1;
        channel.once('exit', (code: number) => {
          exitCode = code;
        });
        channel.once('close', () => resolve(exitCode));
        channel.resume();
        channel.stderr.resume();
      });
    });
  return { run, close: () => client.end() };
}
