import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { pack } from 'tar-stream';
import { makeDemoImage } from '../../src/demo/image.js';
import type { CredentialSource } from '../../src/drivers/credentials.js';
import { DriverError } from '../../src/drivers/driver.js';

const SOCKET = 'unix:///var/run/docker.sock';

/** Address of the engine that tests may use; undefined where none answers. */
export async function testEngine(): Promise<string | undefined> {
  const address = process.env.BERTH_TEST_DOCKER ?? SOCKET;
  return client(address)
    .ping()
    .then(
      () => address,
      () => undefined,
    );
}

/** A client of its own for tests to look at the engine past the driver. */
export function client(address: string): Dockerode {
  return new Dockerode({ socketPath: address.replace('unix://', '') });
}

/** Id of a small image with a shell and git: made on first use, and again when what it is made of changes. */
export async function testImage(address: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile('src/demo/image.ts'));
  for (const program of ['/bin/busybox', '/usr/bin/git']) {
    const made = await stat(program).catch(() => undefined);
    hash.update(`${program} ${made?.size} ${made?.mtimeMs}\n`);
  }
  return makeDemoImage(client(address), `berth-test:${hash.digest('hex').slice(0, 12)}`, () => undefined);
}

/** For engines that need none. */
export const NO_CREDENTIALS: CredentialSource = {
  get: async (name) => {
    throw new DriverError('not-found', `There is no credential ${name}.`);
  },
};

/** The same image with another `sh`, one that this machine has: dash or bash. */
export async function testImageWith(address: string, shell: string): Promise<string> {
  const docker = client(address);
  const [base, program] = await Promise.all([testImage(address), realpath(`/usr/bin/${shell}`)]);
  const archive = pack();
  const add = async (name: string, path: string) =>
    archive.entry({ name, mode: 0o755 }, await readFile(path));
  await add('bin/sh', program);
  const { stdout } = await promisify(execFile)('ldd', [program]);
  for (const [path] of stdout.matchAll(/\/\S+/g)) await add(path.slice(1), path);
  archive.finalize();
  const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
  try {
    await container.putArchive(Readable.from(archive), { path: '/' });
    const { Id } = await container.commit({ repo: 'berth-test', tag: shell });
    return Id;
  } finally {
    await container.remove();
  }
}
