import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { SocketAddress } from 'node:net';

/** A DNS server on loopback that knows what it is told. */
export interface DnsServer {
  /** `127.0.0.1:PORT` */
  address: string;
  /** IPv4 and IPv6 addresses by name; a name that is not here does not exist. */
  names: Map<string, string[]>;
  close(): void;
}

const TYPE = { A: 1, AAAA: 28 };
const NO_SUCH_NAME = 3;

export async function startDnsServer(names: Record<string, string[]>): Promise<DnsServer> {
  const known = new Map(Object.entries(names));
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answer(query, known), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, names: known, close: () => socket.close() };
}

/** RFC 1035, as far as one question for addresses goes. */
function answer(query: Buffer, names: ReadonlyMap<string, string[]>): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const addresses = names.get(labels.join('.'));
  const records = (addresses ?? [])
    .map(bytesOf)
    .filter(({ length }) => length === (type === TYPE.A ? 4 : type === TYPE.AAAA ? 16 : 0))
    .map((bytes) =>
      Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length]), bytes]),
    );
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | (addresses ? 0 : NO_SUCH_NAME), 2);
  header.writeUInt16BE(records.length, 6);
  header.fill(0, 8);
  return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
}

function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [string[], string[]];
  const groups = [...before, ...Array(8 - before.length - after.length).fill('0'), ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
