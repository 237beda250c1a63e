import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_SUBMODULE_DEPTH, MAX_SUBMODULES } from '../../src/domain/submodule.js';
import type { ResourceView } from '../../src/drivers/driver.js';
import { Copies } from '../support/copies.js';
import { type Commit, type GitServer, git, startGitServer } from '../support/git-server.js';

/** Would be made by whatever of a repository the broker's git, or a later lease's, ran. */
const PROOF = join(tmpdir(), `berth-submodule-attack-${process.pid}`);
const RUN = `touch ${PROOF}`;

interface Poison {
  what: string;
  modules: string | { mode: '120000'; content: string };
  /** Where the submodule is recorded; `lib` where it says nothing. */
  path?: string;
  says: RegExp;
}

/** What git itself refuses when it fetches, and what it would only meet when it checks out. */
const POISONS: Poison[] = [
  {
    what: 'a url that is an option (CVE-2018-17456)',
    modules: entry({ url: `-u./x;${RUN}` }),
    says: /gitmodulesUrl/,
  },
  {
    what: 'a url whose host is an option (CVE-2017-1000117)',
    modules: entry({ url: `ssh://-oProxyCommand=${RUN}/x` }),
    says: /"lib".*must be an ssh, https/,
  },
  {
    what: 'a helper transport',
    modules: entry({ url: `ext::${RUN}` }),
    says: /"lib".*must be an ssh, https/,
  },
  { what: 'another helper', modules: entry({ url: 'fd::17' }), says: /"lib".*must be an ssh, https/ },
  { what: 'a path of the broker', modules: entry({ url: '/etc' }), says: /"lib".*own disk.*not allowed/ },
  { what: 'a file url', modules: entry({ url: 'file:///etc' }), says: /"lib".*own disk.*not allowed/ },
  {
    what: 'a relative url that leads to another server',
    modules: entry({ url: '../../evil.example/x' }),
    says: /"lib".*relative to that of its repository/,
  },
  {
    what: 'a url with a newline (CVE-2020-5260)',
    modules: entry({ url: '"https://h/x?\\nhost=evil"' }),
    says: /gitmodulesUrl|must be an ssh, https/,
  },
  {
    what: 'a name that leads out (CVE-2018-11235)',
    modules: entry({ name: '../../hooks' }),
    says: /gitmodulesName/,
  },
  { what: 'the name of a directory of git', modules: entry({ name: 'a/.git/hooks' }), says: /no \.git part/ },
  {
    what: 'names within each other (CVE-2019-1387)',
    modules: `${entry({})}${entry({ name: 'lib/hooks', path: 'other' })}`,
    says: /"lib\/hooks".*lies in "lib" by its name/,
  },
  {
    what: 'a path that is an option (CVE-2018-17456)',
    modules: entry({ path: '-x' }),
    path: '-x',
    says: /gitmodulesPath/,
  },
  {
    what: 'a path into .git',
    modules: entry({ path: '.GIT/hooks' }),
    path: '.GIT/hooks',
    says: /hasDotgit|no \.git part/,
  },
  {
    what: 'a path into what some file systems take for .git',
    modules: entry({ path: 'git~1/hooks' }),
    path: 'git~1/hooks',
    says: /hasDotgit|no \.git part/,
  },
  {
    what: 'a path into .git by characters that are not seen',
    modules: entry({ path: '.g\u200cit/hooks' }),
    path: '.g\u200cit/hooks',
    says: /hasDotgit|control character/,
  },
  {
    what: 'a command for its update (CVE-2019-19604)',
    modules: `${entry({})}\tupdate = !${RUN}\n`,
    says: /gitmodulesUpdate/,
  },
  {
    what: '.gitmodules that is a link',
    modules: { mode: '120000', content: '/etc/passwd' },
    says: /gitmodulesSymlink/,
  },
  { what: '.gitmodules that is none', modules: '[submodule "lib', says: /bad config/ },
];

describe('a repository whose submodules are an attack', () => {
  let server: GitServer;
  let copies: Copies;
  let copy: ResourceView;
  let lib: string;

  beforeAll(async () => {
    server = await startGitServer();
    [lib = ''] = await server.commit('lib', [
      {
        branch: 'main',
        files: { 'post-checkout': { mode: '100755', content: `#!/bin/sh\n${RUN}\n` }, 'lib.txt': 'lib\n' },
      },
    ]);
    copies = await Copies.start('local-host', server);
    copy = await copies.build();
  });

  afterAll(async () => {
    await copies?.stop();
    await server?.stop();
    await rm(PROOF, { force: true });
  });

  it.each(POISONS)('is refused for $what', async ({ modules, path = 'lib', says }) => {
    const files: Commit['files'] = { '.gitmodules': modules, [path]: link() };
    if (typeof modules === 'string' && modules.includes('path = other')) files.other = link();
    await expect(leased('poisoned', [{ branch: 'main', files }])).rejects.toMatchObject({
      message: expect.stringMatching(says),
      temporary: false,
    });
    expect(existsSync(PROOF)).toBe(false);
  });

  it('is refused for a path through a link', async () => {
    const [id = ''] = await server.commit('through', [{ branch: 'main', files: { link: '/tmp' } }]);
    const repository = ['--git-dir', server.uri('through', 'file')];
    const make = async (type: string, input: string) =>
      (await git([...repository, 'hash-object', '-t', type, '-w', '--stdin', '--literally'], input)).trim();
    const blob = await make('blob', '/tmp');
    const modules = await make('blob', entry({ path: 'link/lib' }));
    const inner = (await git([...repository, 'mktree', '--missing'], `160000 commit ${lib}\tlib\n`)).trim();
    const entries = `100644 blob ${modules}\t.gitmodules\n120000 blob ${blob}\tlink\n040000 tree ${inner}\tlink\n`;
    const tree = (await git([...repository, 'mktree', '--missing'], entries)).trim();
    const author = 'a <a@b> 1700000000 +0000';
    const commit = `tree ${tree}\nparent ${id}\nauthor ${author}\ncommitter ${author}\n\nthrough\n`;
    await git([...repository, 'update-ref', 'refs/heads/main', await make('commit', commit)]);
    await expect(leased('through', [])).rejects.toMatchObject({
      message: expect.stringContaining('duplicateEntries'),
    });
  });

  it('is refused for lying in itself, by whatever way', async () => {
    const again = { '.gitmodules': entry({ url: '../ring-b.git' }), lib: link() };
    const [first = ''] = await server.commit('ring-a', [{ branch: 'main', files: again }]);
    const [second = ''] = await server.commit('ring-b', [
      { branch: 'main', files: { '.gitmodules': entry({ url: '../ring-a' }), lib: link(first) } },
    ]);
    const files = { '.gitmodules': entry({ url: '../ring-b.git' }), lib: link(second) };
    await expect(leased('ring-a', [{ branch: 'main', files }])).rejects.toMatchObject({
      message: expect.stringContaining('in which it lies itself'),
    });
  });

  it('is refused for depth', async () => {
    let inner = lib;
    for (let depth = MAX_SUBMODULE_DEPTH; depth >= 0; depth -= 1) {
      const url = depth === MAX_SUBMODULE_DEPTH ? '../lib.git' : `../deep${depth + 1}.git`;
      [inner = ''] = await server.commit(`deep${depth}`, [
        { branch: 'main', files: { '.gitmodules': entry({ url }), lib: link(inner) } },
      ]);
    }
    await expect(leased('deep0', [])).rejects.toMatchObject({ message: expect.stringContaining('deep') });
    expect(await says(await leased('deep1', []), 'cat lib/lib/lib/lib/lib/lib.txt')).toBe('lib\n');
  });

  it('is refused for number', async () => {
    const paths = Array.from({ length: MAX_SUBMODULES + 1 }, (_, index) => `lib${index}`);
    const modules = paths.map((path) => entry({ name: path, path })).join('');
    const files = { '.gitmodules': modules, ...Object.fromEntries(paths.map((path) => [path, link()])) };
    await expect(leased('many', [{ branch: 'main', files }])).rejects.toMatchObject({
      message: expect.stringContaining(`more than ${MAX_SUBMODULES} submodules`),
    });
  });

  it('gets nothing by what else .gitmodules says, and only what the commit records', async () => {
    const sly = `[include]\n\tpath = /etc/passwd\n[core]\n\tfsmonitor = ${RUN}\n[submodule "x\\"] [core"]\n\tpath = lib
\turl = ../lib.git\n\tfsmonitor = ${RUN}\n${entry({ name: 'elsewhere', path: '../../elsewhere', url: 'ext::x' })}`;
    const lease = await leased('sly', [{ branch: 'main', files: { '.gitmodules': sly, lib: link() } }]);
    expect(
      await says(lease, 'git status --porcelain; cat lib/lib.txt; git config core.fsmonitor || echo none'),
    ).toBe('lib\nnone\n');
    expect(await says(lease, 'ls -A .. .git/modules')).toBe('..:\nsrc\n\n.git/modules:\nx"] [core\n');
    expect(existsSync(PROOF)).toBe(false);
  });

  it('writes nowhere else where the directory of a submodule becomes a link', async () => {
    const at = (files: Commit['files']) => ({ branch: 'main', files });
    const inside = { '.gitmodules': entry({ path: 'a/lib' }), 'a/lib': link() };
    const outside = { 'a/lib': null, a: { mode: '120000' as const, content: '.git/hooks' } };
    const before = await leased('turned', [at(inside)]);
    expect(await says(before, 'cat a/lib/lib.txt')).toBe('lib\n');
    await copies.recycle(before);
    const after = await leased('turned', [at({ ...outside, '.gitmodules': null })]);
    expect(await says(after, 'readlink a; ls -A .git; git status --porcelain')).toBe(
      '.git/hooks\nHEAD\nconfig\nindex\nobjects\npacked-refs\nrefs\n',
    );
    await copies.recycle(after);
    const again = await leased('turned', [at({ a: null, ...inside })]);
    expect(await says(again, 'git submodule status; git status --porcelain')).toMatch(
      /^ \w+ a\/lib \(.*\)\n$/,
    );
    expect((await readdir(tmpdir())).filter((name) => name.endsWith(`attack-${process.pid}`))).toEqual([]);
  });

  async function leased(name: string, history: Commit[]) {
    if (history.length > 0) {
      // From the start: what git refuses of one commit it refuses of all that follow.
      if (name === 'poisoned') await rm(server.uri(name, 'file'), { recursive: true, force: true });
      await server.commit(name, history);
    }
    return copies.lease(copy, { src: { uri: server.uri(name, 'git'), branch: 'main', submodules: true } });
  }

  function says(lease: Awaited<ReturnType<typeof leased>>, script: string): Promise<string> {
    return copies.says(lease, script);
  }

  function link(commit = lib): { mode: '160000'; commit: string } {
    return { mode: '160000', commit };
  }
});

function entry({ name = 'lib', path = 'lib', url = '../lib.git' }): string {
  return `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n`;
}
