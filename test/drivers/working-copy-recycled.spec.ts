import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { Copies } from '../support/copies.js';
import { type GitServer, git, startGitServer } from '../support/git-server.js';

const run = promisify(execFile);

/** What a lease leaves, whichever commit it had. */
const SCRIBBLE =
  'echo left > left; echo more >> kept; rm -f .git/HEAD; git config core.hooksPath /tmp; mkdir .git/x';

/** What git knows of a checkout, without how it keeps it. */
const KNOWN = `git status --porcelain --ignored && git ls-files --stage && git for-each-ref && git config --list --local \
&& git rev-parse HEAD && git cat-file --batch-all-objects --batch-check`;

describe('a recycled copy', () => {
  let server: GitServer;
  let work: string;
  let copies: Copies;
  let others: Copies;
  let copy: ResourceView;

  beforeAll(async () => {
    server = await startGitServer();
    work = await mkdtemp(join(tmpdir(), 'berth-recycled-'));
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

  it.each([
    ['adds a file', 'echo new > new; mkdir -p a/b; echo deep > a/b/new'],
    ['changes a file', 'echo other > kept'],
    ['changes a file to one of the same size', 'echo tpek > kept'],
    ['makes a file executable', 'chmod +x kept'],
    ['removes a file', 'rm dir/two'],
    ['removes a directory', 'rm -r dir'],
    ['removes all but one file', 'git rm -rq . && echo kept > kept'],
    ['makes a link of a file', 'rm kept; ln -s dir/one kept'],
    ['makes a file of a link', 'rm link; echo file > link'],
    ['points a link elsewhere', 'ln -sfn dir/two link'],
    ['makes a directory of a file', 'rm kept; mkdir kept; echo in > kept/in'],
    ['makes a file of a directory', 'rm -r dir; echo file > dir'],
    ['makes a link of a directory', 'rm -r dir; mkdir other; echo one > other/one; ln -s other dir'],
    ['makes a directory of a link', 'rm link; mkdir link; echo in > link/in'],
    ['moves a directory', 'git mv dir moved'],
    ['has a name with a newline, a quote and a space', `echo odd > "$(printf 'a\\n'"'"' b')"`],
    ['has a name that begins with a dash', 'echo odd > ./-rf; echo odd > "./--checkpoint-action=exec=false"'],
    ['has a submodule', 'mkdir mod; git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),mod"'],
    ['changes nothing', 'git commit -q --allow-empty -m nothing'],
    [
      'has a tag and a branch more',
      'echo x > x; git tag -am tag v1; git branch more; git push -q origin v1 more',
    ],
  ])(
    'to a commit that %s is what a fresh one would be, and was sent only the difference',
    async (what, change) => {
      const { uri, commits } = await history(change, what);
      await expectAlike(uri, commits, 0);
    },
  );

  it.each([
    ['changes attributes', 'echo "* text eol=crlf" > .gitattributes'],
    ['has a name that is no text', `echo odd > "$(printf 'a\\377')"`],
    ['is a large change', 'head -c 17000000 /dev/urandom > large'],
    ['changes many files', 'for i in $(seq 1 1100); do echo $i > many$i; done'],
  ])('to a commit that %s is what a fresh one would be, and was sent all of it', async (what, change) => {
    const { uri, commits } = await history(change, what);
    await expectAlike(uri, commits, 1);
  });

  it('takes nothing of the broker along where a directory became a link to one of its own', async () => {
    const outside = await mkdtemp(join(work, 'outside-'));
    await writeFile(join(outside, 'one'), 'the broker has this');
    const before = await stat(join(outside, 'one'));
    const { uri, commits } = await history(`rm -r dir; ln -s ${outside} dir`, 'outside');
    await expectAlike(uri, commits, 0);
    const lease = await copies.lease(copy, { src: { uri, commit: commits[1] } });
    expect((await copies.print(lease)).filter((line) => line.includes('src/dir'))).toEqual([
      expect.stringMatching(/^work\/src\/dir symlink /),
    ]);
    expect((await stat(join(outside, 'one'))).mtimeMs).toBe(before.mtimeMs);
    await copies.recycle(lease);
  });

  it('that goes to merges is sent the difference, and nothing of them stays for the next', async () => {
    await server.commit('forked', []);
    const fork = `git checkout -q -b change; echo y > y; git add -A; git commit -q -m y
git push -q ${server.uri('forked', 'file')} change; git checkout -q main; echo x > x`;
    const { uri, commits } = await history(fork, 'plain');
    const merges = [{ uri: server.uri('forked', 'git'), ref: 'change' }];
    await copies.recycle(await copies.lease(copy, { src: { uri, commit: commits[0] } }));
    const before = copies.unpacked;
    const merged = await copies.lease(copy, { src: { uri, commit: commits[0], merges } });
    expect(copies.unpacked).toBe(before);
    const fresh = await others.lease(await others.build(), { src: { uri, commit: commits[0], merges } });
    expect(await copies.says(merged, KNOWN)).toBe(await others.says(fresh, KNOWN));
    expect(
      await copies.says(merged, 'cat y; git status --porcelain; git fsck --strict --no-dangling 2>&1'),
    ).toBe('y\n');
    await copies.run(merged, SCRIBBLE);
    await copies.recycle(merged);
    const again = await copies.lease(copy, { src: { uri, commit: commits[0] } });
    const plain = await others.lease(await others.build(), { src: { uri, commit: commits[0] } });
    expect(await copies.says(again, KNOWN)).toBe(await others.says(plain, KNOWN));
    await copies.recycle(again);
  });

  it('without a cache is what one with it is, and leaves nothing for the next', async () => {
    const { uri, commits } = await history('echo x > x', 'uncached');
    const wanted = { src: { uri, commit: commits[1] } };
    const uncached = await copies.lease(await copies.build({ cache: false }), wanted);
    const fresh = await others.lease(await others.build(), wanted);
    expect(await copies.says(uncached, KNOWN)).toBe(await others.says(fresh, KNOWN));
    await expect(copies.recycle(uncached)).resolves.not.toContain('a new checkout put in place');
  });

  it('moves back, and to a branch, a tag and a ref', async () => {
    const { uri, commits } = await history('echo x > x; git tag v1; git push -q origin v1', 'moves');
    const [first, second] = commits;
    const wanted = [
      { commit: second },
      { commit: first },
      { branch: 'main' },
      { tag: 'v1' },
      { ref: 'refs/heads/main' },
      {},
    ];
    for (const revision of wanted) {
      const lease = await copies.lease(copy, { src: { uri, ...revision } });
      const fresh = await others.lease(await others.build(), { src: { uri, ...revision } });
      expect(lease.activation.access).toMatchObject({ repositories: fresh.activation.access.repositories });
      expect(await copies.says(lease, KNOWN)).toBe(await others.says(fresh, KNOWN));
      await copies.run(lease, SCRIBBLE);
      await copies.recycle(lease);
    }
  });

  it('that goes to the same commit is sent nothing', async () => {
    const { uri, commits } = await history('true; echo same > same', 'same');
    await copies.recycle(await copies.lease(copy, { src: { uri, commit: commits[1] } }));
    const before = copies.unpacked;
    const lease = await copies.lease(copy, { src: { uri, commit: commits[1] } });
    expect(copies.unpacked).toBe(before);
    expect(await copies.says(lease, 'cat same; git status --porcelain; ls -A ..')).toBe('same\nsrc\n');
    await copies.recycle(lease);
  });

  it('is given a whole tree where a lease had the one that waited', async () => {
    const { uri, commits } = await history('echo x > unused', 'unused');
    const wanted = { src: { uri, commit: commits[1] } };
    await copies.recycle(await copies.lease(copy, wanted));
    const idle = await copies.lease(copy, wanted);
    await copies.run(idle, SCRIBBLE);
    const before = copies.unpacked;
    const lease = await copies.lease(copy, wanted);
    expect(copies.unpacked).toBe(before + 1);
    expect(await copies.says(lease, 'git status --porcelain')).toBe('');
  });

  it('that goes to several repositories has each of them', async () => {
    const one = await history('echo 1 > one', 'one of two');
    const two = await history('echo 2 > two', 'two of two');
    for (const index of [0, 1]) {
      const repositories = {
        'a/one': { uri: one.uri, commit: one.commits[index] },
        two: { uri: two.uri, commit: two.commits[index], default: true },
      };
      const lease = await copies.lease(copy, repositories);
      expect(
        await copies.says(
          lease,
          'git status --porcelain; git -C ../a/one rev-parse HEAD; git rev-parse HEAD',
        ),
      ).toBe(`${one.commits[index]}\n${two.commits[index]}\n`);
      await copies.run(lease, SCRIBBLE);
      await copies.recycle(lease);
    }
  });

  it('is built with what the others of its blueprint had', async () => {
    const { uri, commits } = await history('echo x > warm', 'warm');
    const wanted = { src: { uri, commit: commits[1] } };
    await copies.recycle(await copies.lease(copy, wanted));
    const warm = await copies.build();
    const before = copies.unpacked;
    const lease = await copies.lease(warm, wanted);
    expect(copies.unpacked).toBe(before);
    expect(await copies.says(lease, 'git status --porcelain; cat warm')).toBe('x\n');
  });

  it('lets the first look of git believe its index', async () => {
    const { uri, commits } = await history('echo x > x', 'index');
    for (const index of [0, 1]) {
      const lease = await copies.lease(copy, { src: { uri, commit: commits[index] } });
      const said = await copies.says(
        lease,
        'sha256sum .git/index; git status; git update-index --refresh; sha256sum .git/index',
      );
      const [before, after] = said.split('\n').filter((line) => line.endsWith('.git/index'));
      expect(after).toBe(before);
      expect(await copies.says(lease, 'echo tpek > kept; git status --porcelain')).toBe(' M kept\n');
      await copies.recycle(lease);
    }
  });

  it('that goes where another went is sent the change that was made then', async () => {
    const { uri, commits } = await history('echo x > x; rm dir/two', 'made once');
    const second = { src: { uri, commit: commits[1] } };
    const another = await copies.build();
    for (const each of [copy, another]) await waitsWith(each, uri, commits[0]);
    const fresh = await copies.print(await copies.lease(another, second));
    const lease = await withoutItsCheckouts(() => copies.lease(copy, second));
    expect(await copies.print(lease)).toEqual(fresh);
    expect(await copies.says(lease, 'git fsck --strict 2>&1; git status --porcelain')).toBe('');
    await copies.recycle(lease);
  });

  it('that goes to and fro is sent what was made the first time, and waits with what it last had', async () => {
    const { uri, commits } = await history('rm -r dir; echo file > dir; ln -sfn dir link', 'to and fro');
    const [first, second] = commits.map((commit) => ({ src: { uri, commit } }));
    await waitsWith(copy, uri, commits[0]);
    const prints: string[][] = [];
    for (const wanted of [second, first]) {
      const lease = await copies.lease(copy, wanted);
      prints.push(await copies.print(lease));
      await copies.run(lease, SCRIBBLE);
      await copies.recycle(lease);
    }
    const before = copies.unpacked;
    const again = await withoutItsCheckouts(() => copies.lease(copy, second));
    expect(await copies.print(again)).toEqual(prints[0]);
    await copies.recycle(again);
    const waiting = await withoutItsCheckouts(() => copies.lease(copy, second));
    expect(await copies.print(waiting)).toEqual(prints[0]);
    await copies.recycle(waiting);
    // Those that were put after cleaning.
    expect(copies.unpacked - before).toBe(2);
    const elsewhere = await others.lease(await others.build(), second);
    const last = await copies.lease(copy, second);
    expect(await copies.says(last, KNOWN)).toBe(await others.says(elsewhere, KNOWN));
    await copies.recycle(last);
  });

  it('is sent no change that was made before its mirror kept its objects otherwise', async () => {
    const { uri, commits } = await history('echo x > x', 'kept otherwise');
    const second = { src: { uri, commit: commits[1] } };
    await waitsWith(copy, uri, commits[0]);
    await copies.recycle(await copies.lease(copy, second));
    const unpack = `cat objects/pack/*.pack > all && rm -f objects/pack/* && git unpack-objects -q < all && rm all`;
    const mirrors = join(copies.cacheRoot, 'mirrors');
    for (const mirror of (await readdir(mirrors)).filter((name) => name.endsWith('.git'))) {
      const cwd = join(mirrors, mirror);
      if (
        (await git(['--git-dir', cwd, 'rev-parse', '--verify', '-q', commits[1] ?? '']).catch(() => '')) !==
        ''
      )
        await run('sh', ['-c', unpack], { cwd });
    }
    await waitsWith(copy, uri, commits[0]);
    await expect(withoutItsCheckouts(() => copies.lease(copy, second))).rejects.toThrow();
    await waitsWith(copy, uri, commits[0]);
    const lease = await copies.lease(copy, second);
    expect(
      await copies.says(lease, 'git fsck --strict 2>&1; git status --porcelain; ls .git/objects/pack'),
    ).toBe('');
    await copies.recycle(lease);
  });

  it('whose checkout can not follow what it was given is given a whole one', async () => {
    const { uri, commits } = await history('echo x > x', 'can not follow');
    const [first, second] = commits.map((commit) => ({ src: { uri, commit } }));
    await waitsWith(copy, uri, commits[0]);
    for (const wanted of [second, first]) await copies.recycle(await copies.lease(copy, wanted));
    const known = await copies.lease(copy, second);
    await rm(join(copies.cacheRoot, 'mirrors'), { recursive: true });
    expect(await copies.recycle(known)).not.toContain('a new checkout put in place');
    const before = copies.unpacked;
    const lease = await copies.lease(copy, second);
    expect(copies.unpacked - before).toBe(1);
    expect(await copies.says(lease, 'git fsck --strict 2>&1; git status --porcelain; cat x')).toBe('x\n');
    await copies.recycle(lease);
  });

  async function waitsWith(each: ResourceView, uri: string, commit: string | undefined): Promise<void> {
    await copies.recycle(await copies.lease(each, { src: { uri, commit } }));
  }

  /** Does something while what the broker has checked out is away, and no git could be run in it, nor tar. */
  async function withoutItsCheckouts<T>(work: () => Promise<T>): Promise<T> {
    const staging = join(copies.cacheRoot, 'staging');
    const names = (await readdir(staging)).filter((name) => name.startsWith('checkout-'));
    const places = names.map((name) => [join(staging, name, 'tree'), join(staging, name, 'away')] as const);
    for (const [tree, away] of places) await rename(tree, away);
    try {
      return await work();
    } finally {
      for (const [tree, away] of places) {
        await rm(tree, { recursive: true, force: true });
        await rename(away, tree);
      }
    }
  }

  /** A copy that had the first commit has the second one next. It must be what two kinds of fresh ones are. */
  async function expectAlike(uri: string, [first, second]: string[], trees: number): Promise<void> {
    const used = await copies.lease(copy, { src: { uri, commit: first } });
    await copies.run(used, SCRIBBLE);
    expect(await copies.recycle(used)).toContain('a new checkout put in place');
    const before = copies.unpacked;
    const recycled = await copies.lease(copy, { src: { uri, commit: second } });
    expect(copies.unpacked - before).toBe(trees);
    const fresh = await whole(uri, second);
    expect(await copies.print(recycled)).toEqual(await copies.print(fresh));
    const elsewhere = await others.lease(await others.build(), { src: { uri, commit: second } });
    expect(await copies.says(recycled, KNOWN)).toBe(await others.says(elsewhere, KNOWN));
    expect(await copies.says(recycled, 'git fsck --strict 2>&1; git status --porcelain')).toBe('');
    await copies.recycle(recycled);
  }

  /** A copy that had the commit from the first, all of it. */
  async function whole(uri: string, commit: string | undefined): Promise<LeaseView> {
    const lease = await copies.lease(await copies.build(), { src: { uri, commit } });
    const before = copies.unpacked;
    const again = await copies.lease(lease.resource, { src: { uri, commit } });
    expect(copies.unpacked).toBe(before + 1);
    return again;
  }

  /** Two commits, of which the second is made by the script. */
  async function history(change: string, what: string): Promise<{ uri: string; commits: string[] }> {
    const name = what.replace(/\W/g, '-');
    await server.commit(name, []);
    const script = `set -e
git clone -q "$1" . 2> /dev/null; git checkout -q -B main
mkdir dir; echo kept > kept; echo one > dir/one; echo two > dir/two; ln -s kept link; echo left > .gitignore
git add -A; git commit -q -m first; git rev-parse HEAD
${change}
git add -A; git diff --cached --quiet || git commit -q -m second; git rev-parse HEAD
git push -q origin main`;
    const cwd = await mkdtemp(join(work, 'history-'));
    const identity = {
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@b',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@b',
    };
    const env = {
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...identity,
    };
    const { stdout } = await run('sh', ['-c', script, 'sh', server.uri(name, 'file')], { cwd, env });
    return { uri: server.uri(name, 'git'), commits: stdout.trim().split('\n') };
  }
});
