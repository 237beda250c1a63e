import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { startTestApp, type TestApp } from '../support/app.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { Caller, type Shown } from '../support/installation.js';
import { policy } from '../support/manifests.js';

const engine = await testEngine();
const EXAMPLE = 'blueprints/examples/documentation-builds.yaml';
const SCRIPT = 'blueprints/examples/documentation-build.sh';

/** The files that users are given, as they are but for the image, the engine and, once, the ten minutes. */
(engine ? describe : describe.skip)('the example of documentation builds', () => {
  let server: GitServer;
  let app: TestApp;
  let berth: Caller;
  let token: string;
  let output: string;

  /** Declares the example, its placeholders replaced. */
  async function apply(replaced: Record<string, string> = {}): Promise<void> {
    let example = await readFile(EXAMPLE, 'utf8');
    const all = {
      [`sha256:${'0'.repeat(64)}`]: await testImage(engine as string),
      'unix:///var/run/docker.sock': engine as string,
      ...replaced,
    };
    for (const [from, to] of Object.entries(all)) {
      expect(example).toContain(from);
      example = example.replace(from, to);
    }
    await berth.declare(...parseAllDocuments(example).map((document) => document.toJS()));
  }

  beforeAll(async () => {
    server = await startGitServer();
    await server.commit('project', [
      { branch: 'main', files: { 'conf.sh': 'title=Manual\n', 'docs/index.txt': 'Welcome\n' } },
    ]);
    output = await mkdtemp(join(tmpdir(), 'berth-documentation-'));
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    await berth.declare(policy('high', { waivers }));
    await apply();
    await berth.approve('build-server', 'documentation-build');
    await berth.approve('documentation-build', 'documentation-container');
    ({ token } = await berth.ok('POST /v1/consumers/build-server/tokens', { body: {} }));
  });

  afterAll(async () => {
    await berth?.ok('POST /v1/blueprints/documentation-container/disable', { body: {} });
    for (const { id } of (await berth?.ok('GET /v1/resources?state=active'))?.items ?? []) {
      await berth.ok(`POST /v1/resources/${id}/release`, { body: {} });
      await berth.becomes(id, 'destroyed');
    }
    await berth?.close();
    await app?.close();
    await server?.stop();
    await rm(output, { recursive: true, force: true });
  });

  /** One build by the script, as the build server. */
  async function build(into: string, commands: string[]): Promise<Shown> {
    const out = join(output, into);
    const child = spawn('sh', [SCRIPT, server.uri('project', 'git'), 'main', out], {
      env: {
        PATH: process.env.PATH,
        HOME: output,
        BERTH: `${process.execPath} bin/berth.mjs`,
        BERTH_URL: app.url,
        BERTH_TOKEN: token,
      },
    });
    child.stdin.end(commands.map((line) => `${line}\n`).join(''));
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close'),
      text(child.stdout),
      text(child.stderr),
    ]);
    const id = /^lease_\w+/.exec(stderr)?.[0] as string;
    const { items } = await berth.ok(`GET /v1/leases/${id}/commands`, { token });
    return { id, code, stdout, stderr, out, records: items };
  }

  /** How the build's lease ended; its container is gone with it. */
  async function ended({ id }: Shown): Promise<string> {
    const { ended: how, resource } = await berth.becomes(id, 'destroyed');
    await berth.becomes(resource, 'destroyed');
    const [host] = await berth.sql(
      'SELECT l.resource_id FROM leases l JOIN resources r ON r.host_lease_id = l.id WHERE r.id = $1',
      [resource],
    );
    await berth.becomes(host?.resource_id, 'destroyed');
    await expect(
      client(engine as string)
        .getContainer(`berth-${host?.resource_id}`)
        .inspect(),
    ).rejects.toMatchObject({ statusCode: 404 });
    return how;
  }

  it('builds each command by itself in a container that sees checkout and artifacts only, and fetches what it made', async () => {
    const built = await build('good', [
      'printf "%s " /work/* /artifacts/*; ls /sys/class/net',
      '. ./conf.sh && mkdir "$BERTH_ARTIFACTS/html" && (echo "<h1>$title</h1>"; cat docs/index.txt) > "$BERTH_ARTIFACTS/html/index.html"',
    ]);
    expect(built).toMatchObject({ code: 0, stdout: '/work/checkout /artifacts/* lo\n' });
    expect(await readFile(join(built.out, 'html/index.html'), 'utf8')).toBe('<h1>Manual</h1>\nWelcome\n');
    expect(built.records).toMatchObject([
      { state: 'exited', exitCode: 0 },
      { state: 'exited', exitCode: 0 },
    ]);
    expect(await ended(built)).toBe('released');
  });

  it('stops at a command that fails, whose record says why, and fetches nothing', async () => {
    const failed = await build('bad', [
      'echo begun',
      'cat docs/missing.txt > /dev/null || exit 3',
      'echo on',
    ]);
    expect(failed).toMatchObject({ code: 3, stdout: 'begun\n' });
    expect(await ended(failed)).toBe('released');
    expect(failed.records.map(({ exitCode }: Shown) => exitCode).sort()).toEqual([0, 3]);
    const { id } = failed.records.find(({ exitCode }: Shown) => exitCode === 3);
    const route = `GET /v1/leases/${failed.id}/commands/${id}/output`;
    expect(await berth.ok(route, { token })).toMatch(/missing\.txt.*No such file/);
    expect(existsSync(failed.out)).toBe(false);
  });

  it('ends a build that is over its time, with its container', async () => {
    await apply({ 'maxTtl: 10m': 'maxTtl: 5s' });
    const late = await build('late', ['sleep 1000']);
    expect(late.code).not.toBe(0);
    expect(await ended(late)).toBe('expired');
    expect(await readdir(output)).toEqual(['good']);
  });
});
