import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A server of the test's own process, at all addresses of this machine, that answers HTTP with `outside`. */
export interface Outside {
  port: number;
  /** How many have connected so far. */
  connections(): number;
  close(): void;
}

export async function startOutside(): Promise<Outside> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.end('HTTP/1.0 200 OK\r\n\r\noutside\n');
  });
  server.listen(0, '::');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, connections: () => connections, close: () => void server.close() };
}
