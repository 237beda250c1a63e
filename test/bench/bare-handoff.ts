import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import pg from 'pg';
import { serve } from './served.js';

/**
 * The least that a durable hand-over can do: the round trips and the commits of ours, one after the other and with next
 * to nothing in them. Who releases, what ended (committed), the look, what was granted (committed), the answer.
 */
const db = new pg.Pool({ connectionString: process.env.BERTH_DATABASE_URL, max: 1 });
await db.query('CREATE TABLE handed (at timestamptz NOT NULL)');
const look = () => db.query({ name: 'look', text: 'SELECT count(*) FROM pg_tablespace' });
const write = () => db.query({ name: 'write', text: 'INSERT INTO handed VALUES (now())' });

const waiting: ServerResponse[] = [];
const server = createServer(async (request, response) => {
  await json(request);
  await look();
  if (request.url === '/wait') {
    waiting.push(response);
    return;
  }
  await write();
  answer(response);
  await look();
  await write();
  answer(waiting.shift() as ServerResponse);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serve(`http://127.0.0.1:${port}`, async () => void server.close());
});

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 });
  response.end('{}');
}
