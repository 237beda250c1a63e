import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { serve } from './served.js';

/** The least that a server of JSON can do: reads a body and sends it back. */
const server = createServer(async (request, response) => {
  const body = JSON.stringify(await json(request));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serve(`http://127.0.0.1:${port}`, async () => void server.close());
});
