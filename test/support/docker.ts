import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
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
  return makeDemoImage(client(address), `berth-test:${hash.digest('hex').slice(0, 12)}`);
}

/** For engines that need none. */
export const NO_CREDENTIALS: CredentialSource = {
  get: async (name) => {
    throw new DriverError('not-found', `There is no credential ${name}.`);
  },
};

/** The same image with another `sh`, one that this machine has: dash or bash. */
export async function testImageWith(address: string, shell: string): Promise<string> {
  const program = await realpath(`/usr/bin/${shell}`);
  return withFiles(address, `berth-test:${shell}`, [{ name: 'bin/sh', from: program }]);
}

/** The same image with a `sh` that does something first, the first time that one is called. For its maker to remove. */
export function testImageThatFirst(address: string, tag: string, script: string): Promise<string> {
  const text = `#!/bin/busybox sh
    [ -e /tmp/first ] || { ${script}
    } > /tmp/first
    exec /bin/busybox sh "$@"`;
  return withFiles(address, `berth-test:${tag}`, [{ name: 'bin/sh', text }]);
}

const IPTABLES = '/usr/sbin/xtables-nft-multi';

/** Id of an image for gates: the test image with this machine's iptables in it. Made on first use; undefined where this machine has none. */
export async function gateImage(address: string): Promise<string | undefined> {
  const iptables = await stat(IPTABLES).catch(() => undefined);
  if (!iptables) return undefined;
  const base = await testImage(address);
  const hash = createHash('sha256').update(`${base} ${iptables.mtimeMs}`).digest('hex');
  const name = `berth-test:gate-${hash.slice(0, 12)}`;
  const made = await client(address).listImages({ filters: { reference: [name] } });
  if (made[0]) return made[0].Id;
  const library = (await librariesOf(IPTABLES)).find((path) => path.includes('libxtables'));
  const extensions = `/usr${dirname(library ?? '')}/xtables`.replace('/usr/usr/', '/usr/');
  const programs = ['iptables', 'ip6tables'].flatMap((tool) => [tool, `${tool}-save`, `${tool}-restore`]);
  return withFiles(address, name, [
    ...programs.map((program) => ({ name: `usr/sbin/${program}`, from: IPTABLES })),
    ...(await readdir(extensions)).map((file) => ({
      name: `${extensions.slice(1)}/${file}`,
      from: `${extensions}/${file}`,
    })),
  ]);
}

/** The test image with other files in it, programs of this machine with their libraries. */
async function withFiles(
  address: string,
  tagged: string,
  files: ({ name: string; from: string } | { name: string; text: string })[],
): Promise<string> {
  const docker = client(address);
  const base = await testImage(address);
  const archive = pack();
  const libraries = new Set<string>();
  for (const { name, ...content } of files) {
    const text = 'text' in content ? content.text : await readFile(content.from);
    archive.entry({ name, mode: 0o755 }, text);
    for (const path of 'from' in content ? await librariesOf(content.from) : []) libraries.add(path);
  }
  for (const path of libraries) archive.entry({ name: path.slice(1), mode: 0o755 }, await readFile(path));
  archive.finalize();
  const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
  try {
    await container.putArchive(Readable.from(archive), { path: '/' });
    const [repo, tag] = tagged.split(':');
    const { Id } = await container.commit({ repo, tag });
    return Id;
  } finally {
    await container.remove();
  }
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return [...stdout.matchAll(/\/\S+/g)].map(([path]) => path);
}
