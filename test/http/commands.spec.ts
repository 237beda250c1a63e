import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OutputMessage } from '../../src/client/client.js';
import { startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

async function run(leaseId: string, body: Record<string, unknown>) {
  const request = { token: world.tokens.step, body, headers: { prefer: 'wait=20' } };
  return world.call(`POST /v1/leases/${leaseId}/commands`, request);
}

describe('commands', () => {
  it('answer with the ended record, listed and readable afterwards', async () => {
    const { id: leaseId } = await world.lease();
    const { status, headers, body } = await run(leaseId, { argv: ['echo', 'hi'], timeout: '1m' });
    const at = `/v1/leases/${leaseId}/commands`;
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`${at}/${body.id}`);
    expect(body).toMatchObject({
      lease: leaseId,
      argv: ['echo', 'hi'],
      state: 'exited',
      exitCode: 0,
      timeout: '1m',
    });
    expect(await world.call(`GET ${at}/${body.id}`)).toMatchObject({ status: 200, body: { id: body.id } });
    expect((await world.call(`GET ${at}`)).body.items).toEqual([expect.objectContaining({ id: body.id })]);
    expect(await world.call(`POST ${at}/${body.id}/cancel`, { body: {} })).toMatchObject({
      status: 200,
      body: { state: 'exited' },
    });
    const output = await world.call(`GET ${at}/${body.id}/output`);
    expect(output).toMatchObject({ status: 200, body: 'hi\n' });
    expect(output.headers.get('content-type')).toContain('text/plain');
  });

  it.each([
    [{}, 'argv'],
    [{ argv: ['a'], shell: 'b' }, 'argv'],
    [{ argv: [] }, 'argv'],
    [{ argv: [7] }, 'argv'],
    [{ shell: '' }, 'shell'],
    [{ argv: ['a'], timeout: '2d' }, 'timeout'],
    [{ argv: ['a'], timeout: '0s' }, 'timeout'],
    [{ argv: ['a'], env: [] }, 'env'],
    [{ argv: ['a'], user: 'root' }, 'user'],
    [{ argv: ['a'], cwd: '/etc' }, 'cwd'],
    [{ argv: ['a'], cwd: '../..' }, 'cwd'],
    [{ argv: ['a'], cwd: 'app/..' }, 'cwd'],
  ])('%j is refused, naming %s', async (body, path) => {
    const { id } = await world.lease();
    const answer = await run(id, body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((fault: { path: string }) => fault.path)).toContain(path);
    expect((await world.call(`GET /v1/leases/${id}/commands`)).body.items).toEqual([]);
  });

  it('are refused on a lease that is over, and with a stale fence', async () => {
    const { id, fence } = await world.lease();
    const token = world.tokens.step;
    const headers = { 'berth-fence': String(fence - 1) };
    const stale = await world.call(`POST /v1/leases/${id}/commands`, {
      token,
      body: { argv: ['echo', 'hi'] },
      headers,
    });
    expect(stale).toMatchObject({ status: 412, body: { code: 'stale-fence' } });
    await world.call(`POST /v1/leases/${id}/release`, { token });
    expect(await run(id, { argv: ['echo', 'hi'] })).toMatchObject({
      status: 410,
      body: { code: 'lease-over' },
    });
  });

  it('are followed live to their end', async () => {
    const { id: leaseId } = await world.lease();
    const { body } = await run(leaseId, { argv: ['echo', 'hi'] });
    const messages: OutputMessage[] = [];
    for await (const message of world.client.output(leaseId, body.id)) messages.push(message);
    expect(messages.at(-1)).toMatchObject({ kind: 'end', command: { id: body.id, state: 'exited' } });
  });
});

describe('the log', () => {
  it('tells all of a lease, and goes on after an id', async () => {
    const { id } = await world.lease();
    const { body } = await world.call(`GET /v1/events?lease=${id}`);
    expect(body.items.length).toBeGreaterThan(1);
    const after = encodeURIComponent(body.items[0].id);
    const rest = await world.call(`GET /v1/events?lease=${id}&after=${after}`);
    expect(rest.body.items.slice(0, body.items.length - 1)).toEqual(body.items.slice(1));
  });

  it('is live, and resumes after the last id without a gap or a double', async () => {
    const { id } = await world.lease();
    const read = async (headers: Record<string, string>, count: number) => {
      const abort = new AbortController();
      const response = await fetch(`${world.url}/v1/events?lease=${id}`, {
        headers: { authorization: `Bearer ${world.tokens.step}`, accept: 'text/event-stream', ...headers },
        signal: abort.signal,
      });
      const ids: string[] = [];
      let text = '';
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString();
        ids.splice(
          0,
          ids.length,
          ...[...text.matchAll(/^id: (.+)\n(?=data: .*\n\n)/gm)].map(([, one]) => one ?? ''),
        );
        if (ids.length >= count) break;
      }
      abort.abort();
      return ids.slice(0, count);
    };
    const { items } = (await world.call(`GET /v1/events?lease=${id}`)).body;
    const known: string[] = items.map((event: { id: string }) => event.id);
    const first = await read({ 'last-event-id': known[0] ?? '' }, 1);
    expect(first).toEqual([known[1]]);
    await world.call(`POST /v1/leases/${id}/release`, { token: world.tokens.step });
    const later = await read({ 'last-event-id': known.at(-1) ?? '' }, 1);
    expect(known).not.toContain(later[0]);
  });

  /** A live stream, read message by message. */
  const follow = async (query: string, headers: Record<string, string> = {}) => {
    const abort = new AbortController();
    const response = await fetch(`${world.url}/v1/events${query}`, {
      headers: { authorization: `Bearer ${world.tokens.step}`, accept: 'text/event-stream', ...headers },
      signal: abort.signal,
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    return {
      /** The next that has an id; undefined at the end. */
      async next(): Promise<{ id?: string; event?: string } | undefined> {
        for (;;) {
          const [message, ...rest] = text.split('\n\n');
          if (rest.length === 0) {
            const { done, value } = (await reader?.read()) ?? { done: true };
            if (done) return undefined;
            text += value;
            continue;
          }
          text = rest.join('\n\n');
          const id = /^id: (.+)$/m.exec(message ?? '')?.[1];
          if (id) return { id, event: /^event: (.+)$/m.exec(message ?? '')?.[1] };
        }
      },
      close: () => abort.abort(),
    };
  };

  it('tells each event once, one page after the other on one stream', async () => {
    const { id } = await world.lease();
    const { items } = (await world.call(`GET /v1/events?lease=${id}`)).body;
    const stream = await follow(`?lease=${id}&after=0-0`);
    const told = [await stream.next()];
    expect(told).toEqual([{ id: '0-0' }]);
    for (const _ of items) told.push(await stream.next());
    await run(id, { argv: ['echo', 'hi'] });
    told.push(await stream.next(), await stream.next());
    stream.close();
    const kinds = items.map(({ kind }: { kind: string }) => kind);
    expect(told.slice(1).map((one) => one?.event)).toEqual([...kinds, 'command.running', 'command.exited']);
    expect(new Set(told.map((one) => one?.id)).size).toBe(told.length);
  });

  it('says at once from where it goes on, so that nothing is missed where it is cut before the first event', async () => {
    const { id } = await world.lease();
    const first = await follow(`?lease=${id}`);
    const from = await first.next();
    first.close();
    expect(from).toEqual({ id: expect.any(String) });
    await run(id, { argv: ['echo', 'hi'] });
    const second = await follow(`?lease=${id}`, { 'last-event-id': from?.id ?? '' });
    expect(await second.next()).toEqual(from);
    expect(await second.next()).toMatchObject({ event: 'command.running' });
    second.close();
  });

  it('tells nothing more to a token that was revoked', async () => {
    const { id: leaseId } = await world.lease();
    const { id, token } = (await world.call('POST /v1/consumers/step/tokens')).body;
    const stream = await follow(`?lease=${leaseId}`, { authorization: `Bearer ${token}` });
    expect(await stream.next()).toEqual({ id: expect.any(String) });
    await world.call(`DELETE /v1/consumers/step/tokens/${id}`);
    await run(leaseId, { argv: ['echo', 'hi'] });
    // It ends, or is broken off.
    expect(await stream.next().catch(() => undefined)).toBeUndefined();
  });

  it.each([
    ['?after=zzz', {}, 'after'],
    ['?cursor=zzz', {}, 'cursor'],
    ['', { 'last-event-id': 'zzz' }, 'Last-Event-ID'],
    ['?after=999999999999-1', {}, 'after'],
    ['?cursor=999999999999-1', {}, 'cursor'],
    ['', { 'last-event-id': '999999999999-1' }, 'Last-Event-ID'],
  ])('refuses to go on from what it has never said: %s %j', async (query, headers, path) => {
    for (const accept of ['application/json', 'text/event-stream']) {
      const { status, body } = await world.call(`GET /v1/events${query}`, {
        headers: { accept, ...headers },
      });
      expect([status, body.code, body.errors?.[0]?.path]).toEqual([400, 'malformed', path]);
    }
  });

  it('shows a consumer nothing of another', async () => {
    const { id } = await world.lease();
    const { status, body } = await world.call(`GET /v1/events?lease=${id}`, { token: world.tokens.other });
    expect(status === 404 || body.items.length === 0).toBe(true);
  });
});
