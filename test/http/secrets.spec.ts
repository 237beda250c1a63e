import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { Caller, type Shown } from '../support/installation.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';

const OF_LEASE = 'of-the-lease-1f0c';
const OF_COMMAND = 'of-the-command-77a2';
const OPEN = 'in-the-open-9b1d';
const OF_GIT = 'password-of-the-git-server';

const lines: string[] = [];
let app: TestApp;
let berth: Caller;

beforeAll(async () => {
  app = await startTestApp({ env: { BERTH_LOG_LEVEL: 'trace' }, log: (line) => lines.push(line) });
  berth = new Caller(app);
  await berth.declare(
    policy('low'),
    tier('low'),
    tier('bare', { secrets: false }),
    {
      apiVersion: 'berth/v1',
      kind: 'Credential',
      metadata: { name: 'git' },
      spec: { type: 'basic', username: 'ci', secret: OF_GIT, hosts: ['git.example'] },
    },
    hosts('box', { resources: 10 }),
    copies('copy', 'box', { resources: 10, spec: { hosts: ['box'], gitCredential: 'git' } }),
    hosts('bare-box', { tier: 'bare' }),
    consumer('step', ['box', 'copy']),
    consumer('bare-step', ['bare-box'], { tier: 'bare' }),
  );
  await berth.approve('step', 'box');
  await berth.approve('step', 'copy');
  await berth.approve('copy', 'box');
  await berth.approve('bare-step', 'bare-box');
});
afterAll(async () => {
  await berth?.close();
  await app?.close();
});

/** Runs a command to its end, and returns its record and output. */
async function run(lease: string, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const at = `/v1/leases/${lease}/commands`;
  const command = await berth.ok(`POST ${at}`, { body, headers: { prefer: 'wait=20', ...headers } });
  return { command, output: (await berth.call(`GET ${at}/${command.id}/output`)).body };
}

/** Every row of the database as text, but for the output's bytes, which are shown. */
async function everyRow(): Promise<string> {
  const tables = await berth.sql(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()`,
  );
  const rows = await Promise.all(tables.map(({ name }) => berth.sql(`SELECT t::text AS row FROM ${name} t`)));
  return rows
    .flat()
    .map(({ row }: Shown) => row)
    .join('\n');
}

const spellings = (secret: string) => [
  secret,
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
];

describe('secrets', () => {
  it('are shown as *** in a command’s words and output, and are nowhere else to be read', async () => {
    const body = { env: { OPEN }, secrets: { TOKEN: OF_LEASE } };
    const headers = { 'idempotency-key': 'lease-with-secrets', prefer: 'wait=20' };
    const request = { body: { type: 'host', consumer: 'step', ...body }, headers };
    const lease = await berth.ok('POST /v1/leases', request);
    const words = ['echo', OF_LEASE, OF_COMMAND, `${OF_COMMAND}${OF_LEASE}`, OPEN];
    const own = { argv: words, secrets: { KEY: OF_COMMAND }, stdin: OF_COMMAND };
    const { command, output } = await run(lease.id, own, { 'idempotency-key': 'command-with-secrets' });
    expect(output).toBe(`*** *** *** ${OPEN}\n`);
    expect(command).toMatchObject({ argv: ['echo', '***', '***', '***', OPEN], outputBytes: output.length });
    expect((await berth.ok('POST /v1/leases', request)).id).toBe(lease.id);

    const shown = JSON.stringify([
      lease,
      command,
      await berth.ok('GET /v1/leases'),
      await berth.ok(`GET /v1/leases/${lease.id}/commands`),
      await berth.events(),
      lines,
      await everyRow(),
    ]);
    for (const secret of [OF_LEASE, OF_COMMAND].flatMap(spellings)) expect(shown).not.toContain(secret);

    await berth.release(lease.id);
    expect(await berth.sql('SELECT id FROM leases WHERE sealed_env IS NOT NULL')).toEqual([]);
  });

  it('sealed with a key that the broker has no more are refused to commands, and the lease ends as any', async () => {
    const { id } = await berth.lease('step', { secrets: { TOKEN: OF_LEASE } });
    await berth.sql(`UPDATE leases SET sealed_env = sealed_env || '\\x00' WHERE id = $1`, [id]);
    const answer = await berth.call(`POST /v1/leases/${id}/commands`, { body: { argv: ['echo'] } });
    expect([answer.status, answer.body.code]).toEqual([409, 'conflict']);
    expect(await berth.release(id)).toMatchObject({ ended: 'released' });
  });

  it('that the blueprints of a lease use are masked, too', async () => {
    const lease = await berth.lease('step', checkout);
    const { output } = await run(lease.id, { argv: ['echo', 'password', OF_GIT] });
    expect(output).toBe('password ***\n');
  });

  it('are given over what is given openly, and a command’s over its lease’s', async () => {
    const seen: Record<string, string>[] = [];
    const fake = app.fakes.get('docker-host') as Shown;
    const { execute } = fake;
    fake.execute = (...given: Shown[]) => {
      seen.push(given[1].env);
      return execute.apply(fake, given);
    };
    const lease = await berth.lease('step', {
      env: { A: 'lease', B: 'lease' },
      secrets: { C: 'lease-c', D: 'lease-d' },
    });
    await run(lease.id, {
      argv: ['exit', '0'],
      env: { B: 'command', C: 'command' },
      secrets: { D: 'command-d' },
    });
    fake.execute = execute;
    expect(seen).toEqual([{ A: 'lease', B: 'command', C: 'command', D: 'command-d' }]);
  });

  it.each([
    ['too short', { secrets: { TOKEN: 'short' } }, /at least 6 bytes.*TOKEN/],
    ['not text', { secrets: { TOKEN: 7 } }, /must map names/],
    ['a list', { secrets: ['TOKEN'] }, /must map names/],
    ['of no name', { secrets: { 'no-name': 'long enough' } }, /must map names/],
    ['too much', { secrets: { A: 'a'.repeat(9000), B: 'b'.repeat(9000) } }, /at most 16384 bytes/],
    ['open as well', { env: { TOKEN: 'open' }, secrets: { TOKEN: OF_LEASE } }, /env has it/],
  ])('that are %s are refused to leases and commands, naming the field', async (_, given, message) => {
    const { id } = await berth.lease('step');
    for (const [route, body] of [
      ['POST /v1/leases', { type: 'host', consumer: 'step', ...given }],
      [`POST /v1/leases/${id}/commands`, { argv: ['echo'], ...given }],
    ] as const) {
      const answer = await berth.call(route, { body });
      expect([answer.status, answer.body.code]).toEqual([400, 'malformed']);
      expect(answer.body.errors).toEqual([{ path: 'secrets', message: expect.stringMatching(message) }]);
    }
    await berth.release(id);
  });

  it('must not have the broker’s own names', async () => {
    const body = { type: 'host', consumer: 'step', secrets: { BERTH_LEASE: OF_LEASE } };
    const answer = await berth.call('POST /v1/leases', { body });
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, 'secrets']);
  });

  it('are refused in a tier whose profile allows none, to leases and to commands', async () => {
    const { id } = await berth.lease('bare-step', { env: { OPEN }, secrets: {} });
    for (const [route, body] of [
      ['POST /v1/leases', { type: 'host', consumer: 'bare-step', secrets: { TOKEN: OF_LEASE } }],
      [`POST /v1/leases/${id}/commands`, { argv: ['echo'], secrets: { TOKEN: OF_LEASE } }],
    ] as const) {
      const answer = await berth.call(route, { body });
      expect([answer.status, answer.body.code]).toEqual([422, 'policy-denies']);
      expect(answer.body.errors).toEqual([
        { path: 'secrets', message: expect.stringContaining('tier bare') },
      ]);
    }
    expect((await run(id, { argv: ['echo', OPEN], secrets: {} })).output).toBe(`${OPEN}\n`);
  });
});
