import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OUTPUT_KEPT_BYTES } from '../../src/domain/command.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { testEngine, testImage } from '../support/docker.js';
import { Caller, type Shown } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
let app: TestApp;
let berth: Caller;
let lease: string;

/** Numbers, one a line: no two places of it are alike. */
const LINES = 3_000_000;
const SCRIPT = `seq 1 ${LINES}`;
const WHOLE = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join('');

(engine ? describe : describe.skip)('output of many megabytes', () => {
  beforeAll(async () => {
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    await berth.declare(
      policy('low', { waivers }),
      tier('low'),
      hosts('box', { reuse: 'none', spec: { engine, image, memory: '64m', pids: 32 } }),
      consumer('step', ['box']),
    );
    await berth.approve('step', 'box');
    lease = (await berth.lease('step')).id;
  });

  afterAll(async () => {
    if (lease) await berth.release(lease);
    await berth?.ok('POST /v1/blueprints/box/disable', { body: {} });
    const { items } = (await berth?.ok('GET /v1/resources')) ?? { items: [] };
    for (const { id } of items as Shown[]) await berth.becomes(id, 'destroyed');
    await berth?.close();
    await app?.close();
  });

  it('comes whole to who follows it, as bytes', async () => {
    const { id } = await berth.run(lease, SCRIPT, 0);
    const { status, body } = await berth.call(`GET /v1/leases/${lease}/commands/${id}/output?follow=true`);
    expect(status).toBe(200);
    expect(sha256(body)).toBe(sha256(WHOLE));
    expect(await berth.ok(`GET /v1/leases/${lease}/commands/${id}`)).toMatchObject({
      state: 'exited',
      outputBytes: WHOLE.length,
    });
  });

  it('is kept at head and tail, with how much is missing between', async () => {
    const { id } = await berth.run(lease, SCRIPT);
    const { body } = await berth.call(`GET /v1/leases/${lease}/commands/${id}/output`);
    const left = WHOLE.length - 2 * OUTPUT_KEPT_BYTES;
    const note = `\n[berth: ${left} bytes of output left out here]\n`;
    expect(sha256(body)).toBe(
      sha256(WHOLE.slice(0, OUTPUT_KEPT_BYTES) + note + WHOLE.slice(-OUTPUT_KEPT_BYTES)),
    );
  });

  it('shows *** for secrets, live and kept, also where they lie across a cut', async () => {
    const TOKEN = 'token-of-the-test';
    const KEY = '-----BEGIN KEY-----\nfirst line of it\n-----END KEY-----\n';
    const [before, after] = [OUTPUT_KEPT_BYTES - 2, 2 * OUTPUT_KEPT_BYTES];
    const shell = `
      head -c ${before} /dev/zero | tr '\\0' x; printf %s "$TOKEN"
      head -c ${after} /dev/zero | tr '\\0' y; printf '\\377%s\\0' "$TOKEN"`;
    const at = `/v1/leases/${lease}/commands`;
    const { id } = await berth.ok(`POST ${at}`, { body: { shell, secrets: { TOKEN, KEY } } });
    const live = await berth.call(`GET ${at}/${id}/output?follow=true&stream=stdout`);
    const whole = `${'x'.repeat(before)}***${'y'.repeat(after)}\ufffd***\0`;
    expect(sha256(live.body)).toBe(sha256(whole));

    const kept = (await berth.call(`GET ${at}/${id}/output?stream=stdout`)).body;
    expect(kept.slice(0, OUTPUT_KEPT_BYTES)).toBe(`${'x'.repeat(before)}**`);
    expect(kept.slice(-7)).toBe('yy\ufffd***\0');
    expect(await berth.ok(`GET ${at}/${id}`)).toMatchObject({ outputBytes: before + after + 2 * 3 + 2 });

    // Apart: which of two streams is ahead is the engine's to say.
    const lines = 'printf %s "$KEY" | while read -r line; do echo "> $line" >&2; done';
    const said = await berth.ok(`POST ${at}?wait=30s`, { body: { shell: lines, secrets: { KEY } } });
    const { body } = await berth.call(`GET ${at}/${said.id}/output?stream=stderr`);
    expect(body).toBe('> ***\n> ***\n> ***\n');
  });

  it('is refused another word for follow', async () => {
    const { id } = await berth.run(lease, 'true');
    const { status, body } = await berth.call(`GET /v1/leases/${lease}/commands/${id}/output?follow=maybe`);
    expect([status, body.errors[0].path]).toEqual([400, 'follow']);
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
