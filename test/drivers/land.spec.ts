import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError, type LandRequest, type LeaseView } from '../../src/drivers/driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { unhurried } from '../contract/driver-contract.js';
import { type GitServer, git, startGitServer } from '../support/git-server.js';

const ADA = 'Ada Lovelace <ada@example.org>';

describe('landing a change', () => {
  let server: GitServer;
  let directory: string;
  let driver: WorkingCopyDriver;
  let repositories = 0;
  let operations = 0;
  /** The repository of the test: `main` with two commits, and branches that parted from it at the first. */
  let name: string;
  let first: string;
  let tip: string;

  beforeAll(async () => {
    server = await startGitServer();
    directory = await mkdtemp(join(tmpdir(), 'berth-land-'));
    driver = new WorkingCopyDriver({
      credentials: { get: async () => ({ kind: 'ssh-key', secret: server.sshd.privateKey }) },
      hostDriver: () => {
        throw new Error('Landing needs no host.');
      },
      cacheRoot: join(directory, 'cache'),
      allowLocalRepositories: false,
    });
  });

  afterAll(async () => {
    await server?.stop();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  beforeEach(async () => {
    repositories += 1;
    name = `repository${repositories}`;
    const ids = await server.commit(name, [
      { branch: 'main', files: { 'readme.txt': 'first\n' } },
      { branch: 'feature', from: 'main', files: { 'one.txt': 'draft\n' } },
      { branch: 'feature', files: { 'one.txt': 'one\n', 'two.txt': 'two\n' } },
      { branch: 'clash', from: 'main', files: { 'readme.txt': 'clash\n' }, ref: 'refs/pull/7/head' },
      { branch: 'main', files: { 'readme.txt': 'second\n' } },
    ]);
    first = ids[0] as string;
    tip = ids[4] as string;
  });

  it('pushes one commit on top of the branch', async () => {
    const landed = await land();
    expect(landed).toEqual({ commit: await at('main'), previous: tip, target: 'main' });
    expect(await at('main^')).toBe(tip);
    expect(await shown('%an <%ae>|%cn|%B')).toBe(
      `${ADA}|Berth|Land the feature\n\nBerth-Operation: op_${operations}`,
    );
    expect(await files()).toEqual({ 'one.txt': 'one', 'readme.txt': 'second', 'two.txt': 'two' });
  });

  it('takes the change from another repository', async () => {
    const fork = `${name}-fork`;
    await git(['clone', '--quiet', '--bare', server.uri(name, 'file'), server.uri(fork, 'file')]);
    await server.commit(fork, [{ branch: 'feature', files: { 'three.txt': 'three\n' } }]);
    await land({ source: { uri: server.uri(fork, 'git'), ref: 'refs/heads/feature' } });
    expect(Object.keys(await files())).toEqual(['one.txt', 'readme.txt', 'three.txt', 'two.txt']);
  });

  it('keeps the trailers of the message together', async () => {
    await land({ message: 'Land it\n\n---\n\nSigned-off-by: Ada <ada@example.org>\n' });
    expect(await shown('%(trailers)')).toBe(
      `Signed-off-by: Ada <ada@example.org>\nBerth-Operation: op_${operations}`,
    );
  });

  it('tells of a conflict, and pushes nothing', async () => {
    await expect(land({ source: source('refs/pull/7/head') })).rejects.toMatchObject({
      code: 'conflict',
      temporary: false,
      details: {
        phase: 'squash-merge',
        command: expect.stringContaining('git merge-tree'),
        exitCode: 1,
        stdout: expect.stringContaining('CONFLICT (content): Merge conflict in readme.txt'),
        stderr: '',
      },
    });
    expect(await at('main')).toBe(tip);
  });

  it('tells where there is nothing to land', async () => {
    await expect(land({ source: source(first) })).rejects.toMatchObject({
      details: { reason: 'nothing-to-land', found: tip },
    });
    await land();
    await expect(land()).rejects.toMatchObject({ details: { reason: 'nothing-to-land' } });
  });

  it.each([
    ['the branch', () => ({ target: 'gone' }), 'checkout'],
    ['the change', () => ({ source: source('gone') }), 'fetch'],
  ])('tells where %s is not there', async (_what, change, phase) => {
    await expect(land(change())).rejects.toMatchObject({ details: { phase, exitCode: 128 } });
  });

  it('refuses where the branch is not at the commit that was expected', async () => {
    await expect(land({ expect: first })).rejects.toMatchObject({
      code: 'conflict',
      details: { reason: 'moved', expected: first, found: tip },
    });
    expect(await land({ expect: tip })).toMatchObject({ previous: tip });
  });

  describe('onto a branch that moves between look and push', () => {
    let meanwhile: string;

    beforeEach(async () => {
      const [id] = await server.commit(name, [
        { branch: 'next', from: 'main', files: { 'next.txt': 'next\n' } },
      ]);
      meanwhile = id as string;
      await hook(
        'pre-receive',
        `unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main ${meanwhile}; exit 0`,
      );
    });

    it('tries again on top of the newcomer', async () => {
      expect(await land()).toEqual({ commit: await at('main'), previous: meanwhile, target: 'main' });
      expect(await at('main^')).toBe(meanwhile);
      expect(Object.keys(await files())).toContain('next.txt');
    });

    it('gives up where another commit was expected', async () => {
      await expect(land({ expect: tip })).rejects.toMatchObject({
        details: { reason: 'moved', expected: tip, found: meanwhile },
      });
      expect(await at('main')).toBe(meanwhile);
    });
  });

  it('lands several at once, one on the other', async () => {
    const branches = ['a', 'b', 'c', 'd'];
    await server.commit(
      name,
      branches.map((branch) => ({ branch, from: 'main', files: { [branch]: branch } })),
    );
    await Promise.all(branches.map((branch) => land({ source: source(branch) })));
    expect(Object.keys(await files())).toEqual(['a', 'b', 'c', 'd', 'readme.txt']);
    expect(await log(`${tip}..main`)).toHaveLength(4);
  });

  it('tells of a push that the server refuses, with what it says', async () => {
    await hook('update', 'echo The branch is protected. >&2; exit 1');
    await expect(land()).rejects.toMatchObject({
      code: 'failed',
      temporary: false,
      details: { phase: 'push', exitCode: 1, stderr: expect.stringContaining('The branch is protected.') },
    });
    expect(await at('main')).toBe(tip);
  });

  it('finds its commit where the answer to the push was lost', async () => {
    await hook('reference-transaction', 'test "$1" = committed && kill -9 $PPID; exit 0');
    expect(await land()).toEqual({ commit: await at('main'), previous: tip, target: 'main' });
  });

  it.each([
    ['at the tip', () => tip, false],
    ['under others', () => tip, true],
    ['where nothing is known of before', () => null, true],
    ['where what was before is gone', () => 'f'.repeat(40), true],
  ])('repeated, finds its commit %s', async (_where, since, others) => {
    const landed = await land({ id: 'op_again', expect: tip });
    if (others) await server.commit(name, [{ branch: 'main', files: { 'more.txt': 'more\n' } }]);
    expect(await land({ id: 'op_again', expect: tip, since: since() })).toEqual(landed);
    expect(await log(`${tip}..main`)).toHaveLength(others ? 2 : 1);
  });

  it('stops when it is told to', async () => {
    await expect(land({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'timed-out',
      temporary: true,
    });
  });

  it.each([
    ['repository', { repository: 'ext::sh -c "touch /tmp/berth-owned"' }],
    ['source.ref', { source: { uri: 'https://example.org/x', ref: '--upload-pack=touch' } }],
    ['target', { target: '--force' }],
    ['message', { message: 'Sly\n\nberth-operation: op_other' }],
  ])('refuses a %s such as %j before anything runs', async (path, change) => {
    const refused = await land(change).catch((fault: unknown) => fault);
    expect(refused).toBeInstanceOf(DriverError);
    expect(refused).toMatchObject({ code: 'invalid', details: { errors: [{ path }] } });
  });

  it.each([
    ['repository', () => ({ repository: server.uri(name, 'file') })],
    ['source', () => ({ source: { uri: server.uri(name, 'file'), ref: 'feature' } })],
  ])("refuses a %s on the broker's own disk", async (_field, change) => {
    await expect(land(change())).rejects.toMatchObject({ code: 'refused' });
  });

  function land(change: Partial<LandRequest> = {}, call = unhurried()) {
    if (!driver.land) throw new Error('The driver can land.');
    operations += 1;
    const request: LandRequest = {
      id: `op_${operations}`,
      repository: server.uri(name, 'ssh'),
      source: source('feature'),
      target: 'main',
      message: 'Land the feature',
      author: ADA,
      since: tip,
      ...change,
    };
    return driver.land(lease, request, call);
  }

  function source(ref: string) {
    return { uri: server.uri(name, 'ssh'), ref };
  }

  const bare = async (...args: string[]) =>
    (await git(['--git-dir', server.uri(name, 'file'), ...args])).trim();
  const at = (revision: string) => bare('rev-parse', revision);
  const shown = (format: string) => bare('log', '-1', `--format=${format}`, 'main');
  const log = async (range: string) => (await bare('log', '--format=%s', range)).split('\n').filter(Boolean);

  async function files(): Promise<Record<string, string>> {
    const names = (await bare('ls-tree', '-r', '--name-only', 'main')).split('\n');
    return Object.fromEntries(
      await Promise.all(names.map(async (file) => [file, await bare('show', `main:${file}`)] as const)),
    );
  }

  async function hook(kind: string, script: string): Promise<void> {
    await writeFile(join(server.uri(name, 'file'), 'hooks', kind), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
});

const lease: LeaseView = {
  id: 'lease_1',
  fence: 1,
  attributes: {},
  resource: {
    id: 'res_copy',
    broker: 'broker-of-the-test',
    blueprint: {
      name: 'copies',
      type: 'working-copy',
      tier: 'high',
      spec: { hosts: ['hosts'], cloneTimeout: '1m', gitCredential: 'git-key' },
    },
    place: null,
    handle: {},
    hostLease: null,
  },
};
