import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import { type Driver, DriverError, type LeaseView, type ResourceView } from '../../src/drivers/driver.js';
import { LocalHostDriver } from '../../src/drivers/local-host/local-host.driver.js';
import { leaseOn, shell, unhurried } from '../contract/driver-contract.js';
import { type ArchiveEntry, archiveEntries } from '../support/archive.js';
import { NO_CREDENTIALS, testEngine, testImage } from '../support/docker.js';
import { SWAP_DIRECTORY, SWAP_FILE, whileRunning } from './races.js';

interface Subject {
  driver: Driver;
  resource: ResourceView;
  tearDown(): Promise<unknown>;
}

const engine = await testEngine();

(engine ? describe : describe.skip)('files of a container, attacked by its lease', () =>
  attacks(inContainer),
);
describe('files on a machine, attacked by its lease', () => attacks(onMachine));

/** Rounds of an act that races with the lease: enough that one of a hundred chances is found. */
const ROUNDS = 25;

/** The lease has a directory beside its own, `$HOME/outside`, of which nothing may be read or written on its behalf. */
function attacks(setUp: () => Promise<Subject>): void {
  let subject: Subject;
  let lease: LeaseView;

  beforeAll(async () => {
    subject = await setUp();
    const { driver, resource } = subject;
    const { handle } = await driver.build(resource, unhurried());
    lease = leaseOn({ ...resource, handle });
  });
  beforeEach(async () => {
    await sh(
      'rm -rf "$HOME/outside" "$BERTH_ARTIFACTS"/* "$BERTH_ARTIFACTS"/.[!.]* ./* ./.[!.]*; mkdir "$HOME/outside"',
    );
    await sh('echo secret > "$HOME/outside/secret"');
  });
  afterAll(async () => {
    await subject?.driver.cut(lease, unhurried());
    await subject?.driver.destroy(subject.resource, unhurried());
    await subject?.tearDown();
  });

  const sh = (script: string) => shell(subject.driver, lease, script);
  const files = () => subject.driver.files(lease);
  const read = async (path: string) => text(await files().read(path, unhurried()));
  const write = (path: string, content = 'from the broker') =>
    files().write(path, Readable.from([Buffer.from(content)]), unhurried());
  const artifacts = async (): Promise<ArchiveEntry[]> => archiveEntries(await files().artifacts(unhurried()));
  /** What the broker refuses it says by a fault of its own; anything else is a defect. */
  const orRefused = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((fault: unknown) => {
      if (!(fault instanceof DriverError)) throw fault;
      return undefined;
    });
  const outside = async () => String((await sh('cd "$HOME/outside" && ls -A && cat *')).stdout);
  const beside = (script: string, work: () => Promise<void>) =>
    whileRunning(subject.driver, lease, script, work);

  it('a link to a file outside is not read', async () => {
    await sh('ln -s "$HOME/outside/secret" link');
    expect(await orRefused(read('link'))).toBeUndefined();
  });

  it('a file outside is not read through a directory that is a link', async () => {
    await sh('ln -s "$HOME/outside" dir; mkdir real; ln -s ../../home/outside real/dir');
    expect(await orRefused(read('dir/secret'))).toBeUndefined();
    expect(await orRefused(read('real/dir/secret'))).toBeUndefined();
  });

  it('a file that becomes a link while it is read gives its own content or none', async () => {
    await sh('echo mine > f');
    await beside(SWAP_FILE, async () => {
      for (let round = 0; round < ROUNDS; round += 1)
        expect(['mine\n', '', undefined]).toContain(await orRefused(read('f')));
    });
  });

  it('a directory that becomes a link while something is read through it leads nowhere', async () => {
    await sh('mkdir d; echo mine > d/secret');
    await beside(SWAP_DIRECTORY, async () => {
      for (let round = 0; round < ROUNDS; round += 1)
        expect(['mine\n', undefined]).toContain(await orRefused(read('d/secret')));
    });
  });

  it('nothing is written through a link, nor through a directory that is one', async () => {
    await sh(
      'ln -s "$HOME/outside/secret" link; ln -s "$HOME/outside" dir; ln -s "$HOME/outside/new" dangling',
    );
    for (const path of ['link', 'dir/new', 'dangling']) await orRefused(write(path));
    expect(await outside()).toBe('secret\nsecret\n');
  });

  it('a directory that becomes a link while something is written into it leads nowhere', async () => {
    await sh('mkdir d');
    await beside(SWAP_DIRECTORY, async () => {
      for (let round = 0; round < ROUNDS; round += 1) await orRefused(write(`d/new${round}`));
    });
    expect(await outside()).toBe('secret\nsecret\n');
  });

  it('what breaks off while it is written leaves nothing under the name', async () => {
    await sh('echo before > f');
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('The sender is gone.');
      })(),
    );
    expect(await orRefused(files().write('f', broken, unhurried()))).toBeUndefined();
    expect(String((await sh('ls -A; cat f')).stdout)).toBe('f\nbefore\n');
  });

  it('links among the artifacts are neither followed nor handed out', async () => {
    await sh(
      'cd "$BERTH_ARTIFACTS" && echo ok > ok && ln -s "$HOME/outside" dir && ln -s "$HOME/outside/secret" file',
    );
    const entries = await artifacts();
    expect(entries.map(({ name }) => name).filter((name) => !/^\.?\/?$/.test(name))).toEqual(['ok']);
  });

  it('an artifacts directory that is a link to another gives nothing of it', async () => {
    await sh('rmdir "$BERTH_ARTIFACTS" && ln -s "$HOME/outside" "$BERTH_ARTIFACTS"');
    const entries = await orRefused(artifacts());
    expect(JSON.stringify(entries ?? [])).not.toContain('secret');
    await sh('[ ! -L "$BERTH_ARTIFACTS" ] || { rm "$BERTH_ARTIFACTS"; mkdir "$BERTH_ARTIFACTS"; }');
  });

  it('a pipe and a socket among the artifacts keep nobody waiting', async () => {
    await sh('cd "$BERTH_ARTIFACTS" && mkfifo pipe && echo ok > ok');
    expect((await artifacts()).filter(({ type }) => type === 'file').map(({ name }) => name)).toEqual(['ok']);
  });

  it('names of artifacts that look like options, or end a line, are names', async () => {
    const names = [
      '--checkpoint-action=exec=sh',
      '--use-compress-program=sh',
      '-rf',
      'two\nlines',
      '$(touch x)',
    ];
    for (const name of names) {
      await write(name, name);
      await sh(`mv -- ./* "$BERTH_ARTIFACTS"`);
    }
    const found = (await artifacts()).filter(({ type }) => type === 'file');
    expect(found.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const { name, content } of found) expect(content).toBe(name);
  });

  it('an artifact that grows while it is sent comes to an end', async () => {
    await sh('echo begin > "$BERTH_ARTIFACTS/log"');
    await beside('echo more >> "$BERTH_ARTIFACTS/log"', async () => {
      const entries = await orRefused(artifacts());
      expect(entries?.find(({ name }) => name === 'log')?.content ?? 'begin\n').toMatch(/^begin\n/);
    });
  });

  it('an artifact without end is refused, where a lease can make one', async () => {
    const made = await sh('truncate -s 5G "$BERTH_ARTIFACTS/endless" && ls "$BERTH_ARTIFACTS"');
    const entries = await orRefused(artifacts());
    expect(entries === undefined).toBe(String(made.stdout) === 'endless\n');
  });

  it('a directory deeper than a path may be long is handed out whole or refused', async () => {
    await sh(
      'cd "$BERTH_ARTIFACTS"; i=0; while [ $i -lt 60 ]; do d=$(printf "%0100d" $i); mkdir $d && cd $d || break; i=$((i+1)); done; echo deep > end',
    );
    const entries = await orRefused(artifacts());
    if (entries) expect(entries.filter(({ content }) => content === 'deep\n')).toHaveLength(1);
    await sh('cd "$BERTH_ARTIFACTS" && rm -rf 0*');
  });
}

async function inContainer(): Promise<Subject> {
  const driver = new DockerHostDriver({ credentials: NO_CREDENTIALS });
  const spec = { engine, image: await testImage(engine as string), memory: '128m', pids: 64 };
  return { driver, resource: resourceOf('docker-host', spec), tearDown: async () => undefined };
}

async function onMachine(): Promise<Subject> {
  const root = await mkdtemp(join(tmpdir(), 'berth-files-'));
  return {
    driver: new LocalHostDriver({ root }),
    resource: resourceOf('local-host', {}),
    tearDown: () => rm(root, { recursive: true }),
  };
}

function resourceOf(type: 'docker-host' | 'local-host', spec: Record<string, unknown>): ResourceView {
  const blueprint = { name: 'attacked', type, tier: 'low', spec };
  const [id, broker] = [
    `res_${randomBytes(6).toString('hex')}`,
    `test-${randomBytes(6).toString('hex')}`,
  ] as const;
  return { id, broker, blueprint, place: null, handle: {}, hostLease: null };
}
