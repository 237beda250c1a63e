import { afterEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import { startTestApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { Caller, type Shown, until } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

let app: TestApp | undefined;
let berth: Caller | undefined;
afterEach(async () => {
  await berth?.close();
  await app?.close();
});

/** A broker that lends hosts, and what it logs. */
async function start(
  level: string,
  script?: TestAppOptions['script'],
): Promise<{ broker: Caller; lines: Shown[] }> {
  const lines: Shown[] = [];
  const log = (line: string) => lines.push(JSON.parse(line));
  app = await startTestApp({ env: { BERTH_LOG_LEVEL: level }, log, script });
  berth = new Caller(app);
  await berth.declare(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));
  await berth.approve('step', 'box');
  return { broker: berth, lines };
}

const logged = (lines: Shown[], fields: Record<string, unknown>) =>
  until(
    () => lines.find((line) => Object.entries(fields).every(([name, value]) => line[name] === value)),
    (line) => line !== undefined,
  );
const idOf = async (given?: string) => {
  const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given };
  return (await fetch(`${app?.url}/healthz`, { headers })).headers.get('x-request-id');
};

describe('a request', () => {
  it('is logged under the id that its caller gave, with the ids in its path', async () => {
    const { broker, lines } = await start('debug');
    const { id } = await broker.lease('step');
    const { id: command } = await broker.run(id, 'echo');
    await broker.ok(`GET /v1/leases/${id}/commands/${command}`, {
      headers: { 'x-request-id': 'build-7:step.1' },
    });
    expect(await logged(lines, { request: 'build-7:step.1' })).toMatchObject({
      method: 'GET',
      route: '/v1/leases/:id/commands/:commandId',
      status: 200,
      lease: id,
      command,
      by: 'person/admin',
    });
    expect(await idOf('build-7:step.1')).toBe('build-7:step.1');
  });

  it.each([undefined, 'x'.repeat(65), 'two words', '{"a":1}', ''])(
    'gets an id of ours in place of %j',
    async (given) => {
      await start('warn');
      expect(await idOf(given)).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('that can not be read has an id too', async () => {
    await start('warn');
    const response = await fetch(`${app?.url}/v1/leases/%zz`, { headers: { 'x-request-id': 'odd' } });
    expect([response.status, response.headers.get('x-request-id')]).toEqual([400, 'odd']);
  });

  it('that fails by a fault of the broker is logged at any level, with its cause', async () => {
    const { broker, lines } = await start('error');
    await broker.sql('ALTER TABLE people RENAME COLUMN roles TO tasks');
    const { status } = await broker.call('GET /v1/people', { headers: { 'x-request-id': 'unlucky' } });
    expect(status).toBe(500);
    expect(await logged(lines, { request: 'unlucky' })).toMatchObject({
      level: 50,
      path: '/v1/people',
      err: { message: expect.stringContaining('roles') },
    });
  });
});

describe('the log', () => {
  it('names the resource and the lease that a line is about', async () => {
    let failures = 1;
    const { broker, lines } = await start('debug', ({ method }) => {
      if (method === 'build' && failures-- > 0)
        throw new DriverError('failed', 'No luck.', { temporary: true });
    });
    const { id, resource } = await broker.lease('step');
    await broker.run(id, 'echo');
    await broker.release(id);
    await logged(lines, { lease: id, msg: 'a step is taken' });
    await logged(lines, { resource, msg: 'a step is taken' });
    const failed = await logged(lines, { level: 40 });
    expect(failed.resource).toMatch(/^res_/);
  });

  it('is as quiet as it was told to be', async () => {
    const { broker, lines } = await start('warn');
    await broker.lease('step');
    await broker.call('GET /v1/leases/lease_0');
    expect(lines).toEqual([]);
  });
});
