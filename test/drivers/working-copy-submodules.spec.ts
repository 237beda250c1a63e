import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RepositorySpec } from '../../src/domain/lease.js';
import type { ResourceView } from '../../src/drivers/driver.js';
import { Copies } from '../support/copies.js';
import { type Commit, type GitServer, startGitServer } from '../support/git-server.js';

const run = promisify(execFile);

/** What git says of a checkout and of what is checked out in it. */
const SAYS = `git status --porcelain --ignored; git submodule status --recursive | sed 's/ (.*//'
git submodule foreach --quiet --recursive 'echo "$sm_path $(git config remote.origin.url)"; git status --porcelain --ignored'
git config --get-regexp 'submodule\\..*' | LC_ALL=C sort`;

/** Every file but what git keeps. */
const FILES =
  "find . -name .git -prune -o -printf '%p %y %m %l\\n' -type f -exec sha256sum {} + | LC_ALL=C sort";

describe('a repository with submodules', () => {
  let server: GitServer;
  let copies: Copies;
  let others: Copies;
  let copy: ResourceView;
  let work: string;
  let leafs: string[];
  let middles: string[];
  /** Each with other submodules: one; that one moved, and one more; the first one's place taken by files. */
  let apps: string[];

  beforeAll(async () => {
    server = await startGitServer();
    work = await mkdtemp(join(tmpdir(), 'berth-submodules-'));
    leafs = await server.commit('leaf', [
      { branch: 'main', files: { 'leaf.txt': 'first\n' } },
      { branch: 'main', files: { 'leaf.txt': 'second\n', 'more.txt': 'more\n' } },
      { branch: 'main', files: { 'leaf.txt': 'unused\n' } },
    ]);
    const nested = (leaf: string | undefined): Commit['files'] => ({
      '.gitmodules': entry('the leaf', 'deep/leaf', '../leaf.git'),
      'deep/leaf': link(leaf),
      'middle.txt': `middle with ${leaf}\n`,
    });
    middles = await server.commit('middle', [
      { branch: 'main', files: nested(leafs[0]) },
      { branch: 'main', files: nested(leafs[1]) },
    ]);
    const unwanted = `${entry('unwanted', 'unwanted', '../none.git')}\tupdate = none\n`;
    const middle = entry('middle', 'libs/the middle', '../middle.git');
    const leaf = entry('leaf', 'leaf', '../leaf.git');
    const [first, ...rest] = await server.commit('app', [
      {
        branch: 'main',
        files: {
          '.gitmodules': `${middle}${unwanted}`,
          'libs/the middle': link(middles[0]),
          'libs/beside.txt': 'beside\n',
          unwanted: link(leafs[0]),
        },
      },
      { branch: 'change', from: 'main', files: { 'libs/the middle': link(middles[1]), 'new.txt': 'new\n' } },
      { branch: 'main', files: { 'libs/the middle': link(middles[1]), 'libs/beside.txt': null } },
      { branch: 'main', files: { '.gitmodules': `${middle}${leaf}${unwanted}`, leaf: link(leafs[0]) } },
      {
        branch: 'main',
        files: {
          '.gitmodules': `${leaf}${unwanted}`,
          'libs/the middle': null,
          'libs/the middle/file.txt': 'file\n',
        },
      },
    ]);
    apps = [first, ...rest.slice(1)].map(String);
    copies = await Copies.start('local-host', server);
    others = await Copies.start('local-host', server);
    copy = await copies.build();
  });

  afterAll(async () => {
    await copies?.stop();
    await others?.stop();
    await server?.stop();
    if (work) await rm(work, { recursive: true, force: true });
  });

  const app = (more: Partial<RepositorySpec> = {}) => ({
    src: { uri: server.uri('app', 'git'), submodules: true, ...more },
  });

  it.each([0, 1, 2, 3])('is what git makes of it with them, at commit %d', async (index) => {
    const lease = await copies.lease(copy, app({ commit: apps[index] }));
    const clone = join(work, `clone${index}`);
    const script = `git clone -q "$1" "$2" && cd "$2" && git checkout -q --detach "$3" &&
      git submodule --quiet update --init --recursive && { ${SAYS}
      ${FILES}; }`;
    const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    const words = ['-c', script, 'sh', server.uri('app', 'git'), clone, apps[index] ?? ''];
    const byGit = (await run('sh', words, { env })).stdout;
    expect(byGit).toContain(leafs[[0, 1, 1, 0][index] ?? 0]);
    expect(await copies.says(lease, `${SAYS}\n${FILES}`)).toBe(byGit);
    expect(await copies.says(lease, `git submodule update --init --recursive 2>&1; git fsck 2>&1`)).toBe(
      "Skipping submodule 'unwanted'\n",
    );
    await copies.run(
      lease,
      'git submodule foreach --recursive "echo left > left; rm -f $(ls); git config o o"',
    );
    await copies.recycle(lease);
  });

  it.each([
    ['a submodule moved', 0, 1, 0],
    ['it has one more', 1, 2, 1],
    ['files are in the place of one', 2, 3, 1],
    ['one is in the place of files', 3, 2, 1],
  ])('recycled to a commit where %s is what a fresh one would be', async (_what, from, to, trees) => {
    const used = await copies.lease(copy, app({ commit: apps[from] }));
    const scribble = 'echo left > left; echo x > .git/modules/left; rm -rf libs leaf/leaf.txt';
    await copies.run(used, scribble);
    await copies.recycle(used);
    const before = copies.unpacked;
    const recycled = await copies.lease(copy, app({ commit: apps[to] }));
    expect(copies.unpacked - before).toBe(trees);
    const fresh = await copies.lease(await copies.build(), app({ commit: apps[to] }));
    expect(await copies.print(recycled)).toEqual(await copies.print(fresh));
    const elsewhere = await others.lease(await others.build(), app({ commit: apps[to] }));
    expect(await copies.says(recycled, SAYS)).toBe(await others.says(elsewhere, SAYS));
    await copies.recycle(recycled);
  });

  it('recycled to and fro is what it was the first time', async () => {
    const seen: Record<string, string[][]> = { 0: [], 1: [] };
    for (const index of [0, 1, 0, 1, 0, 1]) {
      const before = copies.unpacked;
      const lease = await copies.lease(copy, app({ commit: apps[index] }));
      seen[index]?.push(await copies.print(lease));
      if (seen[0]?.length !== 1) expect(copies.unpacked).toBe(before);
      await copies.run(lease, 'echo left > left; rm -rf libs');
      await copies.recycle(lease);
    }
    for (const [first, ...rest] of Object.values(seen))
      for (const print of rest) expect(print).toEqual(first);
  });

  it('has them with merges on top, and without a cache', async () => {
    const merges = [{ uri: server.uri('app', 'git'), ref: 'change' }];
    const src = app({ commit: apps[0], merges });
    const merged = await copies.lease(copy, src);
    const seen = 'cat new.txt "libs/the middle/deep/leaf/leaf.txt"; git status --porcelain';
    expect(await copies.says(merged, seen)).toBe('new\nsecond\n');
    await copies.recycle(merged);
    const uncached = await copies.build({ cache: false });
    const lease = await copies.lease(uncached, src);
    expect(await copies.says(lease, `${seen}; git rev-parse HEAD`)).toBe(
      `new\nsecond\n${await copies.says(await copies.lease(copy, src), 'git rev-parse HEAD')}`,
    );
  });

  it('leaves their directories empty where nobody asks for them', async () => {
    const lease = await copies.lease(copy, app({ commit: apps[0], submodules: false }));
    expect(await copies.says(lease, 'ls -A "libs/the middle" unwanted; git status --porcelain')).toBe(
      'libs/the middle:\n\nunwanted:\n',
    );
    await copies.recycle(lease);
  });

  it('fetches private ones and shows the lease nothing of the key', async () => {
    const own = await copies.build({ gitCredential: 'key' });
    const lease = await copies.lease(own, {
      src: { uri: server.uri('app', 'ssh'), submodules: true, commit: apps[2] },
    });
    const secret = server.sshd.privateKey.split('\n')[2] ?? '';
    expect(
      await copies.says(
        lease,
        `cat leaf/leaf.txt; git -C leaf config remote.origin.url; env; grep -rFe '${secret}' . || echo nothing`,
      ),
    ).toMatch(new RegExp(`^first\\n${server.uri('leaf', 'ssh')}\\n(?!.*berth-key)[^]*nothing\\n$`));
  });

  it.each([
    ['unreachable', '../nowhere.git', () => leafs[0], 'libs/x', /nowhere/],
    ['without its commit', '../leaf.git', () => 'f'.repeat(40), 'libs/x', /not our ref f{40}/],
    ['without an entry', undefined, () => leafs[0], 'libs/x', /no entry in .gitmodules/],
    ['on the disk of the broker', '/srv/git/x.git', () => leafs[0], 'libs/x', /own disk.*not allowed/],
  ])('tells of one that is %s, by its path', async (what, url, commit, path, message) => {
    const name = `tells-${what.replaceAll(' ', '-')}`;
    const files: Commit['files'] = { [path]: link(commit()) };
    if (url) files['.gitmodules'] = entry('x', path, url);
    await server.commit(name, [{ branch: 'main', files }]);
    const src = { uri: server.uri(name, 'git'), submodules: true };
    const fault = await copies.lease(copy, { src }).catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({ temporary: false, message: expect.stringMatching(message) });
    expect(fault).toMatchObject({ message: expect.stringContaining(path) });
  });

  it('tells of one within one, by all of its path', async () => {
    await server.commit('broken', [
      { branch: 'main', files: { '.gitmodules': entry('x', 'x', '../missing.git'), x: link(leafs[0]) } },
    ]);
    const [broken] = await server.commit('broken', [{ branch: 'main', files: { y: 'y' } }]);
    await server.commit('outer', [
      { branch: 'main', files: { '.gitmodules': entry('in', 'in', '../broken.git'), in: link(broken) } },
    ]);
    const src = { uri: server.uri('outer', 'git'), submodules: true };
    await expect(copies.lease(copy, { src })).rejects.toMatchObject({
      message: expect.stringMatching(/^The submodule "src\/in\/x": /),
      details: { submodule: 'src/in/x', phase: 'clone', exitCode: 128 },
    });
  });
});

function entry(name: string, path: string, url: string): string {
  return `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n`;
}

function link(commit: string | undefined): { mode: '160000'; commit: string } {
  return { mode: '160000', commit: commit ?? '' };
}
