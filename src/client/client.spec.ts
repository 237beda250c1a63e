import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { BerthClient, ProblemError } from './client.js';

let server: Server;
afterEach(() => void server.close());

/** A client of a broker that answers with these statuses, one after the other; with 200, a command's output. */
async function clientOf(...statuses: number[]) {
  server = createServer((_, response) => {
    const status = statuses.shift() ?? 500;
    response.writeHead(status, {
      'content-type': status === 200 ? 'text/event-stream' : 'application/problem+json',
    });
    response.end(
      status === 200
        ? 'event: end\ndata: {"id":"cmd_1"}\n\n'
        : JSON.stringify({ code: 'x', status, title: 'x' }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const away: Error[] = [];
  const client = new BerthClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'x',
    onAway: (why) => away.push(why),
  });
  return { client, away };
}

it('A stream is opened once the broker is back.', async () => {
  const { client, away } = await clientOf(503, 200);
  const { value } = await client.output('lease_1', 'cmd_1').next();
  expect(value).toEqual({ kind: 'end', command: { id: 'cmd_1' } });
  expect(away).toEqual([expect.any(ProblemError)]);
});

it('A stream that the broker refuses is not asked for again.', async () => {
  const { client, away } = await clientOf(404, 200);
  await expect(client.output('lease_1', 'cmd_1').next()).rejects.toMatchObject({ status: 404 });
  expect(away).toEqual([]);
});
