import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { trustedGit } from '../../src/drivers/working-copy/trusted-git.js';
import { unhurried } from '../contract/driver-contract.js';
import { Containers, type Weaken } from '../support/containers.js';
import { Copies } from '../support/copies.js';
import { client, testEngine } from '../support/docker.js';
import { type GitServer, git, startGitServer } from '../support/git-server.js';
import { until } from '../support/installation.js';
import { ATTACKS, REFUSED } from './container-attacks.js';
import { GIT, OF_GIT, type Poison, PROOF } from './poisons.js';
import { SWAP_DIRECTORY, SWAP_FILE, whileRunning } from './races.js';

// The attacks of the files beside this one, each against the product with one of its defences left out: there it must
// succeed, or its failure elsewhere would show nothing.

const engine = await testEngine();
/** On the engine's own network, which its containers share. */
const bridged: Weaken = (options) => ({
  ...options,
  HostConfig: { ...options.HostConfig, NetworkMode: 'bridge' },
});

const containers = new Containers(engine ?? 'unix:///nowhere');

(engine ? describe : describe.skip)('code in a container', () => {
  afterAll(() => containers.destroy());

  const weakened = ATTACKS.flatMap(({ without, ...attack }) => (without ? [{ ...attack, ...without }] : []));

  it.each(weakened)('$what without $defence, and that is found missing', async (attack) => {
    const lease = await containers.lease(attack.spec, attack.weaken);
    expect(await containers.run(lease, attack.script)).toMatchObject({ exit: { exitCode: 0 } });
    const { differences } = await containers.driver.verify(lease.resource, unhurried());
    expect(differences.join('\n')).toContain(`${attack.difference} is `);
  });

  it('reads what its neighbour serves without a network that is none', async () => {
    const serves = await containers.lease({}, bridged);
    const { NetworkSettings } = await client(engine as string)
      .getContainer(`berth-${serves.resource.id}`)
      .inspect();
    const over = new AbortController();
    const argv = ['sh', '-c', 'while :; do echo secret | nc -l -p 8000; done'];
    const process = { id: 'cmd_serves', argv, cwd: null, env: {}, stdin: null, timeoutSeconds: 60 };
    const serving = containers.driver.execute(serves, process, () => undefined, over);

    const reads = `nc -w 1 ${NetworkSettings.Networks.bridge?.IPAddress} 8000 < /dev/null`;
    const open = await containers.lease({}, bridged);
    const { stdout } = await until(
      () => containers.run(open, reads),
      ({ exit }) => exit.exitCode === 0,
    );
    expect(stdout.toString()).toBe('secret\n');

    const closed = await containers.run(await containers.lease(), reads);
    expect(closed.exit.exitCode).not.toBe(0);
    expect(closed.stderr.toString()).toMatch(REFUSED);
    over.abort();
    await serving;
  });

  it.each([
    ['a file that becomes a link', 'echo mine > f', SWAP_FILE, 'f'],
    ['a directory that becomes a link', 'mkdir d; echo mine > d/secret', SWAP_DIRECTORY, 'd/secret'],
  ])('has %s read where names are checked and then opened', async (_, before, swap, path) => {
    const lease = await containers.lease();
    await containers.run(lease, `mkdir "$HOME/outside"; echo secret > "$HOME/outside/secret"; ${before}`);
    const checked = `[ -f ${path} ] && [ ! -L ${path} ] && [ ! -L "$(dirname ${path})" ] && cat ${path}`;
    const reads = `i=0; while [ $i -lt 50 ]; do ${checked}; i=$((i + 1)); done`;
    await whileRunning(containers.driver, lease, swap, async () => {
      const read = async () => (await containers.run(lease, reads)).stdout.toString();
      await until(read, (content) => content.includes('secret'));
    });
  });
});

describe('a checkout', () => {
  let server: GitServer;
  let copies: Copies;
  let copy: ResourceView;
  let lease: LeaseView;

  beforeAll(async () => {
    server = await startGitServer();
    await server.commit('app', [
      { branch: 'main', files: { 'readme.txt': 'zeroth\n' } },
      { branch: 'main', files: { 'readme.txt': 'first\n', 'sub/file.txt': 'file\n' } },
    ]);
    copies = await Copies.start('local-host', server);
    copy = await copies.build();
  });
  afterEach(async () => {
    await copies.recycle(lease);
    await rm(PROOF, { force: true });
  });
  afterAll(async () => {
    await copies?.stop();
    await server?.stop();
  });

  /** @returns where the poisoned checkout is, on this machine */
  async function poisoned(what: string): Promise<string> {
    const repositories = { src: { uri: server.uri('app', 'git'), branch: 'main' } };
    lease = await copies.lease(copy, repositories);
    const { script } = OF_GIT.find((poison) => poison.what === what) as Poison;
    await copies.says(lease, `${GIT}\n${script}\necho changed > readme.txt; echo left > left`);
    const directory = (await copies.says(lease, 'pwd')).trim();
    expect(existsSync(PROOF)).toBe(false);
    return directory;
  }

  it.each([
    'core.fsmonitor',
    'hooks',
    'a filter and attributes for it',
    'an included configuration',
    'a configuration for the work tree',
  ])('that is mended and not made anew runs %s of the lease before', async (what) => {
    const directory = await poisoned(what);
    for (const args of [
      ['reset', '-q', '--hard'],
      ['clean', '-ffdxq'],
      ['checkout', '-q', 'main'],
    ])
      await git(['-C', directory, ...args]);
    expect(existsSync(`${directory}/left`)).toBe(false);
    expect(existsSync(PROOF)).toBe(true);
  });

  it.each([
    ['a filter and attributes for it', ['diff']],
    ['attributes in the tree', ['diff']],
    ['core.sshCommand and a remote by ssh', ['fetch', 'o']],
  ])(
    'that a lease has written runs %s on the broker where git of the broker enters it',
    async (what, args) => {
      const directory = await poisoned(what);
      const entering = trustedGit({ phase: 'checkout', args, cwd: directory, signal: unhurried().signal });
      await entering.catch(() => undefined);
      expect(existsSync(PROOF)).toBe(true);
    },
  );
});
