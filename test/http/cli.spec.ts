import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWorld, until, type World } from './world.js';

const BERTH = fileURLToPath(new URL('../../bin/berth.mjs', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'berth-cli-'));
let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  rmSync(home, { recursive: true });
  await world?.close();
});

function start(args: string[], env: Record<string, string> = {}) {
  const { PATH = '' } = process.env;
  const own = { PATH, HOME: home, BERTH_URL: world.url, BERTH_TOKEN: world.tokens.step, ...env };
  return spawn(process.execPath, [BERTH, ...args], {
    cwd: home,
    env: own,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function berth(args: string[], env?: Record<string, string>) {
  const child = start(args, env);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

describe('the exit code', () => {
  it.each<[code: number, args: string[], env: Record<string, string>]>([
    [0, ['whoami'], {}],
    [64, ['nonsense'], {}],
    [64, ['release'], {}],
    [64, ['whoami'], { BERTH_URL: 'nonsense' }],
    [69, ['whoami'], { BERTH_URL: 'http://127.0.0.1:1' }],
    [77, ['whoami'], { BERTH_TOKEN: 'nonsense' }],
    [77, ['blueprints', 'list'], {}],
    [1, ['leases', 'get', 'lease_7'], {}],
  ])('is %d of %j with %j', async (code, args, env) => {
    expect(await berth(args, env)).toMatchObject({ code });
  });

  it('is 75 where the lease still waits', async () => {
    const { code, stderr } = await berth(['lease', '--wait', '1s'], { BERTH_TOKEN: world.tokens.other });
    expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringContaining('awaiting-authorization') });
  });
});

describe('a secret', () => {
  const SECRET = { TOKEN: 'token-of-the-cli' };

  it.each([['run'], ['exec', 'LEASE']])(
    'that %s is given by name is masked in the output',
    async (...words) => {
      const { id } = await world.lease();
      const target = words.map((word) => (word === 'LEASE' ? id : word));
      const args = [
        ...target.slice(0, 1),
        '--secret',
        'TOKEN',
        ...target.slice(1),
        '--',
        'echo',
        SECRET.TOKEN,
      ];
      expect(await berth(args, SECRET)).toMatchObject({ code: 0, stdout: '***\n' });
    },
  );

  it('that is not there is told before anything is asked for', async () => {
    const { code, stderr } = await berth(['run', '--secret', 'TOKEN', '--', 'echo']);
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('TOKEN') });
  });
});

describe('berth exec', () => {
  it('says why a command did not run to its end', async () => {
    const { id, resource } = await world.lease();
    world.existing.delete(resource);
    const { code, stderr } = await berth(['exec', id, '--', 'echo', 'hi']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cmd_\w+ is lost: .*gone/) });
  });

  it('refuses a directory outside the lease before anything runs', async () => {
    const { id } = await world.lease();
    const { code, stderr } = await berth(['exec', '--cwd', '/etc', id, '--', 'echo', 'hi']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('cwd: must be') });
  });
});

describe('berth cp', () => {
  it.each([
    ['a file that is not there', 'nofile', 'nofile'],
    ['a directory', '.', 'is a directory'],
  ])('says that it is %s that can not be copied', async (_, from, words) => {
    const { id } = await world.lease();
    const { code, stderr } = await berth(['cp', from, `${id}:x`]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(words) });
    expect(stderr).not.toContain('No broker answers');
  });
});

describe('berth run', () => {
  const releasedOf = async (note: string) => {
    const { items } = (await world.call('GET /v1/leases?consumer=step&limit=500')).body;
    return items.find((lease: { note: string | null }) => lease.note === note)?.ended;
  };

  it('ends with the command’s code and releases the lease', async () => {
    const { code, stdout } = await berth(['run', '--note', 'good', '--', 'echo', 'hi']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hi\n' });
    expect(await berth(['run', '--', 'exit', '7'])).toMatchObject({ code: 7 });
    expect(await releasedOf('good')).toBe('released');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('releases the lease on %s', async (signal, code) => {
    const child = start(['run', '--note', signal, '--', 'sleep', '60']);
    await until(
      async () => (await world.call('GET /v1/leases?state=active&limit=500')).body.items,
      (leases) => leases.some(({ note }: { note: string | null }) => note === signal),
    );
    child.kill(signal);
    const [ended] = await once(child, 'close');
    expect(ended).toBe(code);
    expect(await releasedOf(signal)).toBe('released');
  });
});

describe('--json', () => {
  it.each([
    [['blueprints', 'list']],
    [['leases', 'list']],
    [['resources']],
    [['authorizations']],
    [['consumers']],
    [['operations']],
    [['isolation']],
    [['whoami']],
  ])('is JSON for %j', async (args) => {
    const { code, stdout } = await berth([...args, '--json'], { BERTH_TOKEN: world.tokens.admin });
    expect(code).toBe(0);
    expect(() => JSON.parse(stdout)).not.toThrow();
  });
});

describe('give-up', () => {
  it('ends a resource, for the reason that must be given', async () => {
    const { resource } = await world.lease();
    const asAdmin = { BERTH_TOKEN: world.tokens.admin };
    expect(await berth(['give-up', resource], asAdmin)).toMatchObject({ code: 64 });
    const { stdout } = await berth(['give-up', resource, '--reason', 'It burnt down.', '--json'], asAdmin);
    expect(JSON.parse(stdout)).toMatchObject({ reason: 'gone: It burnt down.' });
    const read = async () => (await world.call(`GET /v1/resources/${resource}`)).body;
    await until(read, ({ state }: { state: string }) => state === 'destroyed');
    world.existing.delete(resource);
  });
});

describe('sweep', () => {
  const asAdmin = () => ({ BERTH_TOKEN: world.tokens.admin });

  it('says that all is as it should be, and what is not', async () => {
    expect(await berth(['sweep'], asAdmin())).toEqual({
      code: 0,
      stdout: 'What exists is what should.\n',
      stderr: '',
    });
    world.existing.add('res_nobody');
    expect((await berth(['sweep'], asAdmin())).stdout).toMatch(
      /^what +name .*\norphan +fake res_nobody +hosts /,
    );
    world.existing.delete('res_nobody');
    expect(JSON.parse((await berth(['sweep', '--json'], asAdmin())).stdout)).toMatchObject({ suspects: [] });
  });

  it('lets it begin at once', async () => {
    expect(await berth(['sweep', '--now'], asAdmin())).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('doctor', () => {
  const asAdmin = () => ({ BERTH_TOKEN: world.tokens.admin });

  it('says that all is well, and exits with 0', async () => {
    expect(await berth(['doctor'], asAdmin())).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^All \d+ checks hold\.\n$/),
      stderr: '',
    });
  });

  it('says what is wrong and what to do, and exits with 1', async () => {
    const { body: edge } = await world.call('GET /v1/authorizations?consumer=other');
    const { id } = edge.items[0];
    await world.call(`POST /v1/authorizations/${id}/approve`, { body: { reason: 'for the test' } });
    const tier = {
      kind: 'Tier',
      metadata: { name: 'low' },
      apiVersion: 'berth/v1',
      spec: { fourEyes: true },
    };
    await world.call('POST /v1/manifests', { body: { documents: [tier] } });
    const { code, stdout } = await berth(['doctor'], asAdmin());
    expect(code).toBe(1);
    expect(stdout).toContain('[four-eyes, invariant 8, always]');
    expect(stdout).toContain(id);
    const json = await berth(['doctor', '--json'], asAdmin());
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ whole: false, findings: [{ name: 'four-eyes' }] });
  });
});
