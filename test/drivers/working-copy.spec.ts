import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseAttributes } from '../../src/domain/lease.js';
import type { Driver, LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { LocalHostDriver } from '../../src/drivers/local-host/local-host.driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { leaseOn, shell, unhurried } from '../contract/driver-contract.js';
import { type GitServer, git, startGitServer } from '../support/git-server.js';

const BROKER = 'broker-of-the-test';

/** Everything of a tree but what git keeps of clocks and inodes (the index) and of packing (pack names). */
const PRINT = `
find . -path '*/.git/index' -prune -o -path '*/.git/objects' -prune -o -printf '%p %y %m %l\\n' | LC_ALL=C sort
find . -path '*/.git/index' -prune -o -path '*/.git/objects' -prune -o -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
git cat-file --batch-all-objects --batch-check | LC_ALL=C sort
git status --porcelain --ignored; git stash list; git log --format=%H --all; git config --list --local`;

describe.each(['local-host', 'ssh-host'] as const)('working-copy on %s', (type) => {
  let server: GitServer;
  let directory: string;
  let host: Driver;
  let driver: WorkingCopyDriver;
  let resource: ResourceView;
  let ids: string[];
  let leases = 0;

  beforeAll(async () => {
    server = await startGitServer();
    directory = await mkdtemp(join(tmpdir(), 'berth-copy-'));
    host =
      type === 'local-host'
        ? new LocalHostDriver({ root: join(directory, 'root') })
        : new SshHostDriver(options());
    driver = copies(false);
    const standsOn = await builtHost();
    resource = {
      id: 'res_copy',
      broker: BROKER,
      blueprint: {
        name: 'copies',
        type: 'working-copy',
        tier: 'low',
        spec: { hosts: ['hosts'], cloneTimeout: '1m', gitCredential: 'git-key' },
      },
      place: null,
      handle: {},
      hostLease: leaseOn(standsOn),
    };
    await driver.build(resource, unhurried());
    ids = await server.commit('one', [
      {
        branch: 'main',
        files: {
          'readme.txt': 'first\n',
          '.gitignore': 'ignored\n',
          'tool.sh': { mode: '100755', content: '#!/bin/sh\necho tool\n' },
          link: { mode: '120000', content: 'readme.txt' },
        },
        tag: 'v1',
      },
      { branch: 'main', files: { 'readme.txt': 'second\n' } },
      { branch: 'feature', from: 'main', files: { 'feature.txt': 'feature\n' } },
      { branch: 'clash', from: 'main', files: { 'readme.txt': 'clash\n' }, ref: 'refs/pull/7/head' },
      { branch: 'main', files: { 'readme.txt': 'third\n' } },
    ]);
    await server.commit('two', [{ branch: 'main', files: { 'two.txt': 'two\n' } }]);
    await server.commit('empty', []);
  });

  afterAll(async () => {
    if (resource?.hostLease) await host.destroy(resource.hostLease.resource, unhurried());
    if (host instanceof SshHostDriver) host.close();
    await server?.stop();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  const one = () => server.uri('one', 'git');
  const activated = async (attributes: LeaseAttributes) => {
    const lease = leaseFor(attributes);
    return { lease, ...(await driver.activate(lease, unhurried())) };
  };
  const says = async (lease: LeaseView, script: string) =>
    (await shell(driver, lease, script)).stdout.toString().trim();

  it.each([
    ['a branch', { branch: 'main' }, 4, 'main', 'third'],
    ['a tag', { tag: 'v1' }, 0, null, 'first'],
    ['a commit', { commit: 1 }, 1, null, 'second'],
    ['a ref', { ref: 'refs/pull/7/head' }, 3, null, 'clash'],
    ['the branch of the HEAD', {}, 4, 'main', 'third'],
  ])('checks out %s', async (_what, wanted, index, branch, text) => {
    const revision = 'commit' in wanted ? { commit: ids[1] } : wanted;
    const { lease, access, contents } = await activated({
      repositories: { src: { uri: one(), ...revision } },
    });
    expect(access).toMatchObject({ repositories: { src: { commit: ids[index], branch } } });
    expect(contents).toEqual({ src: one() });
    expect(
      await says(lease, 'git rev-parse HEAD; cat readme.txt link; git status --porcelain; ./tool.sh'),
    ).toBe(`${ids[index]}\n${text}\n${text}\ntool`);
    expect(await says(lease, 'git symbolic-ref -q --short HEAD; git config remote.origin.url')).toBe(
      `${branch ? `${branch}\n` : ''}${one()}`,
    );
  });

  it('checks out several, and starts in the default one', async () => {
    const repositories = {
      'a/one': { uri: one(), branch: 'main' },
      two: { uri: server.uri('two', 'git'), default: true },
    };
    const { lease, access } = await activated({ repositories });
    expect(await says(lease, 'pwd; ls; ls ../a/one')).toBe(
      `${access.directory}/two\ntwo.txt\nlink\nreadme.txt\ntool.sh`,
    );
    const plain = { ...repositories, two: { uri: server.uri('two', 'git') } };
    const { lease: without } = await activated({ repositories: plain });
    expect(await says(without, 'pwd')).toBe(access.directory);
  });

  it('takes an empty repository', async () => {
    const { lease, access } = await activated({ repositories: { src: { uri: server.uri('empty', 'git') } } });
    expect(access).toMatchObject({ repositories: { src: { commit: null, branch: 'main' } } });
    expect(await says(lease, 'git status --short --branch')).toMatch(/^## No commits yet on main/);
  });

  it('sees a branch that has moved, and needs nobody for a commit that it has', async () => {
    const uri = server.uri('moving', 'git');
    const [first] = await server.commit('moving', [{ branch: 'main', files: { a: '1' } }]);
    await activated({ repositories: { src: { uri, branch: 'main' } } });
    const [second] = await server.commit('moving', [{ branch: 'main', files: { a: '2' } }]);
    const { access } = await activated({ repositories: { src: { uri, branch: 'main' } } });
    expect(access).toMatchObject({ repositories: { src: { commit: second } } });
    await rm(server.uri('moving', 'file'), { recursive: true });
    const { lease } = await activated({ repositories: { src: { uri, commit: first } } });
    expect(await says(lease, 'cat a')).toBe('1');
  });

  it('sees what became of a branch that was as before for a while', async () => {
    const uri = server.uri('gone', 'git');
    const repository = server.uri('gone', 'file').replace('file://', '');
    const [first] = await server.commit('gone', [
      { branch: 'main', files: { a: '1' } },
      { branch: 'side', files: { a: '2' } },
    ]);
    const side = { repositories: { src: { uri, branch: 'side' } } };
    await activated(side);
    await activated(side);
    await git(['--git-dir', repository, 'update-ref', 'refs/heads/side', first as string]);
    expect((await activated(side)).access).toMatchObject({ repositories: { src: { commit: first } } });
    await git(['--git-dir', repository, 'update-ref', '-d', 'refs/heads/side']);
    await expect(activated(side)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('squashes merges on top, the same each time', async () => {
    const repositories = {
      src: {
        uri: one(),
        commit: ids[1],
        merges: [
          { uri: one(), ref: 'feature' },
          { uri: one(), ref: 'main' },
        ],
      },
    };
    const { lease, access } = await activated({ repositories });
    expect(
      await says(lease, 'cat feature.txt readme.txt; git rev-parse HEAD~2; git status --porcelain'),
    ).toBe(`feature\nthird\n${ids[1]}`);
    expect((await activated({ repositories })).access).toEqual(access);
  });

  it('tells of a merge that conflicts', async () => {
    const src = { uri: one(), branch: 'main', merges: [{ uri: one(), ref: 'clash' }] };
    await expect(activated({ repositories: { src } })).rejects.toMatchObject({
      code: 'conflict',
      temporary: false,
      details: {
        phase: 'squash-merge',
        command: expect.stringContaining('git merge-tree'),
        exitCode: 1,
        stdout: expect.stringContaining('CONFLICT (content): Merge conflict in readme.txt'),
        stderr: expect.any(String),
      },
    });
  });

  it.each([
    ['branch', { branch: 'gone' }, 'checkout', 'not-found', 'no branch gone'],
    ['tag', { tag: 'gone' }, 'checkout', 'not-found', 'no tag gone'],
    ['ref', { ref: 'refs/pull/8/head' }, 'fetch', 'failed', 'refs/pull/8/head'],
    ['commit', { commit: 'f'.repeat(40) }, 'fetch', 'failed', 'not our ref ffff'],
  ])('tells of a %s that is not there', async (_what, wanted, phase, code, message) => {
    await activated({ repositories: { src: { uri: one(), branch: 'main' } } });
    await expect(activated({ repositories: { src: { uri: one(), ...wanted } } })).rejects.toMatchObject({
      code,
      temporary: false,
      message: expect.stringContaining(message),
      details: { phase, exitCode: 128, stderr: expect.stringMatching(/fatal|error/) },
    });
  });

  it('tells of a HEAD that names nothing, and goes on once it does', async () => {
    const uri = server.uri('headless', 'git');
    await server.commit('headless', [{ branch: 'other', files: { a: '1' } }]);
    const wanted = { repositories: { src: { uri } } };
    await expect(activated(wanted)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('names no branch'),
    });
    await server.commit('headless', [{ branch: 'main', files: { a: '2' } }]);
    expect((await activated(wanted)).access).toMatchObject({ repositories: { src: { branch: 'main' } } });
  });

  it('tells of a repository that is not there', async () => {
    const src = { uri: server.uri('none', 'git'), branch: 'main' };
    await expect(activated({ repositories: { src } })).rejects.toMatchObject({
      code: 'failed',
      temporary: false,
      details: { phase: 'clone', stderr: expect.stringContaining('fatal') },
    });
  });

  it.each(['ext::sh -c "touch /tmp/berth-owned"', '-oProxyCommand=x', 'file:///etc', '/etc'])(
    'refuses the address %s before anything runs',
    async (uri) => {
      const refused = expect.stringMatching(/^(invalid|refused)$/);
      await expect(activated({ repositories: { src: { uri } } })).rejects.toMatchObject({ code: refused });
    },
  );

  it('refuses without a revision where strict', async () => {
    const repositories = { src: { uri: one() } };
    await expect(activated({ repositories, strict: true })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('leaves large files to the git-lfs of the lease', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 9\n`;
    const files = { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'large.bin': pointer };
    await server.commit('large', [{ branch: 'main', files }]);
    const { lease } = await activated({ repositories: { src: { uri: server.uri('large', 'git') } } });
    expect(await says(lease, 'cat large.bin; git status --porcelain')).toBe(pointer.trim());
  });

  it.each(['.', 'mirrors'])(
    "says that the broker's disk does not take the repository (%s), and does better once it does",
    async (part) => {
      const cacheRoot = join(await mkdtemp(join(directory, 'broken-')), 'cache');
      const inTheWay = join(cacheRoot, part);
      await mkdir(dirname(inTheWay), { recursive: true });
      await writeFile(inTheWay, 'not a directory');
      const mended = new WorkingCopyDriver({
        ...options(),
        hostDriver: () => host,
        cacheRoot,
        allowLocalRepositories: false,
      });
      const lease = leaseFor({ repositories: { src: { uri: one() } } });
      const fault = {
        code: 'failed',
        temporary: true,
        message: expect.stringContaining("broker's own disk"),
      };
      await expect(mended.activate(lease, unhurried())).rejects.toMatchObject(fault);
      await rm(inTheWay);
      expect(await mended.activate(lease, unhurried())).toMatchObject({ contents: { src: one() } });
    },
  );

  it('gives up after the time for cloning', async () => {
    const hurried = {
      ...resource,
      blueprint: { ...resource.blueprint, spec: { hosts: ['h'], cloneTimeout: '0s' } },
    };
    const lease = { ...leaseFor({ repositories: { src: { uri: one() } } }), resource: hurried };
    await expect(driver.activate(lease, unhurried())).rejects.toMatchObject({ code: 'timed-out' });
  });

  it('recycles to what a fresh one is, whatever a lease did', async () => {
    const attributes = { repositories: { src: { uri: one(), branch: 'main' } } };
    const proof = join(directory, 'git-of-the-broker-ran-this');
    const { lease: first } = await activated(attributes);
    const fresh = await says(first, PRINT);
    const attack = await shell(driver, first, attackThatTouches(proof));
    expect([attack.exit, attack.stderr.toString()]).toEqual([{ kind: 'exited', exitCode: 0 }, '']);
    expect(await says(first, 'cat untracked')).toBe('untracked');
    const { checked } = await driver.clean(resource, unhurried());
    expect(checked).not.toEqual([]);
    const { lease: second } = await activated(attributes);
    expect(await says(second, PRINT)).toBe(fresh);
    expect(existsSync(proof)).toBe(false);
    expect(await says(second, 'ls -A .. "$HOME" "$TMPDIR" "$BERTH_ARTIFACTS"; ls .git/owned')).not.toContain(
      'owned',
    );
  });

  it('fetches a private repository and shows the lease nothing of the key', async () => {
    const uri = server.uri('one', 'ssh');
    const { lease } = await activated({ repositories: { src: { uri, branch: 'main' } } });
    expect(await says(lease, 'cat readme.txt')).toBe('third');
    const secret = server.sshd.privateKey.split('\n')[2] ?? '';
    expect(await says(lease, `env; grep -rFe '${secret}' ../.. || echo nothing`)).toMatch(/nothing$/);
    expect(await says(lease, 'cat .git/config; env')).not.toMatch(/berth-key|GIT_SSH|known_hosts/);
    expect(await says(lease, 'grep -r cache .git --exclude-dir=objects || echo nothing')).toBe('nothing');
  });

  it('shares no mirror between credentials', async () => {
    const uri = server.uri('two', 'ssh');
    await activated({ repositories: { src: { uri, branch: 'main' } } });
    const spec = { hosts: ['hosts'] };
    const stranger = { ...resource, blueprint: { ...resource.blueprint, spec } };
    const lease = { ...leaseFor({ repositories: { src: { uri, branch: 'main' } } }), resource: stranger };
    await expect(driver.activate(lease, unhurried())).rejects.toMatchObject({ details: { phase: 'clone' } });
  });

  it("reads the broker's own disk where that is allowed", async () => {
    const local = copies(true);
    const lease = leaseFor({ repositories: { src: { uri: server.uri('two', 'file') } } });
    await local.activate(lease, unhurried());
    expect((await shell(local, lease, 'cat two.txt')).stdout.toString()).toBe('two\n');
  });

  function copies(allowLocalRepositories: boolean): WorkingCopyDriver {
    const cacheRoot = join(directory, allowLocalRepositories ? 'cache-local' : 'cache');
    return new WorkingCopyDriver({ ...options(), hostDriver: () => host, cacheRoot, allowLocalRepositories });
  }

  function options() {
    return {
      credentials: { get: async () => ({ kind: 'ssh-key' as const, secret: server.sshd.privateKey }) },
    };
  }

  async function builtHost(): Promise<ResourceView> {
    const { address, port, hostKey, user, root } = server.sshd;
    const spec = { hosts: [{ name: 'one', address, port, hostKey }], user, credential: 'key', root };
    const blueprint = { name: 'hosts', type, tier: 'low', spec: type === 'ssh-host' ? spec : {} };
    const asked = {
      id: `res_host${process.pid}`,
      broker: BROKER,
      blueprint,
      place: 'one',
      handle: {},
      hostLease: null,
    };
    return { ...asked, handle: (await host.build(asked, unhurried())).handle };
  }

  function leaseFor(attributes: LeaseAttributes): LeaseView {
    leases += 1;
    return { id: `lease_copy${leases}`, fence: leases, attributes, resource };
  }
});

/** Leaves in a checkout, and around it, whatever git or a later lease could trip over. */
function attackThatTouches(proof: string): string {
  return `set -e
g() { git -c user.name=o -c user.email=o@localhost -c core.hooksPath=/dev/null "$@"; }
echo changed >> readme.txt; g add readme.txt; g stash --quiet
echo untracked > untracked; echo ignored > ignored; mkdir -p deep/er; echo x > deep/er/x
chmod 777 tool.sh; chmod 700 .; chmod 0 deep
g branch owned; g tag owned; g update-ref refs/heads/main HEAD~1; g update-ref refs/replace/owned HEAD
rm link; ln -s /etc/passwd link; ln -s / ../owned; ln -s .git/config also
echo owned > ../owned.txt; printf '[user]\\nname = owned\\n' > "$HOME/.gitconfig"; echo owned > "$HOME/.owned"
echo owned > "$TMPDIR/owned"; echo owned > "$BERTH_ARTIFACTS/owned"
mkdir -p .git/hooks .git/info .git/owned
for hook in post-checkout pre-commit post-merge reference-transaction fsmonitor-watchman pre-auto-gc; do
  printf '#!/bin/sh\\ntouch ${proof}\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook
done
echo '* filter=owned' > .git/info/attributes
for key in core.fsmonitor core.sshCommand core.pager filter.owned.smudge filter.owned.clean core.editor; do
  g config $key 'touch ${proof}'
done
g config remote.origin.url ext::owned
rm -rf .git/objects/pack; echo / > .git/objects/info-alternates
sleep 1000 > /dev/null 2>&1 < /dev/null &`;
}
