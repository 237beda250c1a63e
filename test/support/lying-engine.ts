import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/**
 * An engine that makes other containers than it was asked for, and says nothing of it: the true one, behind a listener
 * on loopback that changes what is asked.
 *
 * @param change of the settings of a container that is to be made
 */
export async function startLyingEngine(
  socketPath: string,
  change: (host: Record<string, unknown>) => unknown,
): Promise<{ address: string; stop(): Promise<void> }> {
  const pass = ({ method, url, headers }: IncomingMessage) =>
    request({ socketPath, method, path: url, headers });
  const server = createServer(async (asked, answer) => {
    const passed = pass(asked).once('error', (fault) => answer.destroy(fault));
    answer.once('close', () => passed.destroy()); // an engine tells events for ever
    passed.once('response', (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers);
      given.pipe(answer);
    });
    if (!/\/containers\/create/.test(asked.url ?? '')) {
      asked.pipe(passed);
      return;
    }
    const options = JSON.parse((await buffer(asked)).toString());
    change(options.HostConfig);
    const body = JSON.stringify(options);
    passed.setHeader('content-length', Buffer.byteLength(body));
    passed.end(body);
  });
  server.on('upgrade', (asked, near) => {
    const passed = pass(asked).once('error', () => near.destroy());
    passed.once('upgrade', ({ rawHeaders }, far, head) => {
      const lines = rawHeaders.map((word, index) => (index % 2 === 0 ? `${word}: ` : `${word}\r\n`));
      near.write(`HTTP/1.1 101 UPGRADED\r\n${lines.join('')}\r\n`);
      near.write(head);
      near.pipe(far).pipe(near);
      near.once('error', () => far.destroy()).once('close', () => far.destroy());
      far.once('error', () => near.destroy());
    });
    passed.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It does not listen.');
  return {
    address: `tcp://127.0.0.1:${address.port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
