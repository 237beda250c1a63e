import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { client } from './docker.js';
import { freePort, listening } from './sshd.js';

const PROGRAM = '/usr/bin/docker-registry';

/** Whether this machine has one to start. */
export const hasRegistry = existsSync(PROGRAM);

/** A registry of images on loopback, which engines speak to without TLS. */
export interface Registry {
  /** `127.0.0.1:PORT` */
  address: string;
  /** Puts an image of the engine there. @returns its name by digest, by which the engine does not know it */
  push(engine: string, image: string, name: string): Promise<string>;
  /** Where it keeps what has this digest, `sha256:…`. */
  pathOf(digest: string): string;
  /** Ends it; its address refuses connections from then on. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-registry-'));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: directory } },
    http: { addr: address },
  };
  // What is JSON is YAML.
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
  const daemon = spawn(PROGRAM, ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  await Promise.race([
    listening(port),
    exited.then(() => Promise.reject(new Error('The registry ended before it listened.'))),
  ]);
  const halt = async () => {
    daemon.kill('SIGKILL');
    await exited;
  };
  return {
    address,
    async push(engine, image, name) {
      const docker = client(engine);
      const repo = `${address}/${name}`;
      await docker.getImage(image).tag({ repo, tag: 'pushed' });
      const progress = (await docker
        .getImage(`${repo}:pushed`)
        .push({ authconfig: { username: '', password: '', serveraddress: address } })) as Readable;
      let digest: string | undefined;
      for await (const line of createInterface({ input: progress })) {
        const { aux, error } = JSON.parse(line);
        if (error) throw new Error(error);
        digest ??= aux?.Digest;
      }
      // With its last tag of a repository an image loses its digests there.
      await docker.getImage(`${repo}:pushed`).remove();
      return `${repo}@${digest}`;
    },
    pathOf: (digest) => {
      const hash = digest.replace('sha256:', '');
      return join(directory, 'docker/registry/v2/blobs/sha256', hash.slice(0, 2), hash, 'data');
    },
    halt,
    async stop() {
      await halt();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
