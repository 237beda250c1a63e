import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** `network` of a container that reaches only what is listed. */
export interface Egress {
  /** `ADDRESS[/BITS][:PORT]`, IPv6 in brackets, or `NAME[:PORT]`. */
  egress: string[];
  /** Image of the container that keeps the list, with `iptables`. */
  gate: string;
  /** Network of the engine to reach it over; absent: the broker's own, which has no IPv6. */
  via?: string;
}

/** Addresses that have their first `prefix` bits in common. */
export interface Range {
  family: 4 | 6;
  /** The lowest of them. */
  address: string;
  prefix: number;
}

/** A name or range that may be reached; every port of it where `port` is null. */
export interface Entry {
  to: string | Range;
  port: number | null;
}

/** What nobody is to reach, listed or not: the machine itself, its link, its cloud's metadata services, groups. */
export const NEVER = ranges(
  '0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32',
  '::/96 ::ffff:0.0.0.0/96 fe80::/10 ff00::/8 fd00:ec2::/32 fd20:ce::254/128 fd00:42::42/128',
);

/** What only an entry of just such addresses opens: networks of one's own, and ways to say an IPv4 address in IPv6. */
export const PRIVATE = ranges(
  '10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15',
  'fc00::/7 fec0::/10 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16',
);

const MOST_ENTRIES = 100;
const ENTRY = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(.*))?$/;
const NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$/;
const NETWORK = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** Networks of every engine that are none, or the machine's own. */
const NO_NETWORK = ['none', 'host', 'default'];

/** The allow list of a blueprint's `network`; undefined where it is another kind of network. */
export function egressOf(network: unknown): Egress | undefined {
  return typeof network === 'object' && network !== null ? (network as Egress) : undefined;
}

/** What would be right for an allow list; undefined where it is. */
export function egressFault(value: object): string | undefined {
  const { egress, gate, via, ...rest } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `must be {egress, gate, via}, without ${unknown}`;
  if (!Array.isArray(egress) || egress.length === 0 || egress.length > MOST_ENTRIES)
    return `must have egress, a list of 1 to ${MOST_ENTRIES} entries such as registry.example.org:443`;
  for (const text of egress) {
    const entry = readEntry(text);
    if ('fault' in entry) return `must have in egress no ${JSON.stringify(text)}: ${entry.fault}`;
    if (via === undefined && typeof entry.to !== 'string' && entry.to.family === 6)
      return `must have via, a network of the engine with IPv6, to reach ${text}`;
  }
  if (typeof gate !== 'string' || !IMAGE.test(gate))
    return 'must have gate, an image of the engine with iptables, best as name@sha256:… or sha256:…';
  if (via !== undefined && (typeof via !== 'string' || !NETWORK.test(via) || NO_NETWORK.includes(via)))
    return 'must have as via the name of a network of the engine, and not none, host or default';
  return undefined;
}

/** The entries of a list that was checked. */
export function entriesOf({ egress }: Egress): Entry[] {
  return egress.map(readEntry).flatMap((entry) => ('fault' in entry ? [] : [entry]));
}

/** The one address as a range. */
export function rangeOf(address: string): Range {
  return isIPv4(address)
    ? { family: 4, address, prefix: 32 }
    : { family: 6, address: new SocketAddress({ address, family: 'ipv6' }).address, prefix: 128 };
}

/** Whether every address of `range` is one of `other`. */
export function isWithin(range: Range, other: Range): boolean {
  if (range.family !== other.family || range.prefix < other.prefix) return false;
  const rest = BigInt((range.family === 4 ? 32 : 128) - other.prefix);
  return numberOf(range) >> rest === numberOf(other) >> rest;
}

export function isWithinAny(range: Range, others: readonly Range[]): boolean {
  return others.some((other) => isWithin(range, other));
}

function readEntry(text: unknown): Entry | { fault: string } {
  if (typeof text === 'string' && isIPv6(text.replace(/\/.*/, '')))
    return { fault: 'IPv6 addresses stand in brackets' };
  const match = typeof text === 'string' ? ENTRY.exec(text) : null;
  if (!match) return { fault: 'write it as 192.0.2.7:443, [2001:db8::1]:443 or registry.example.org:443' };
  const [, six, other = '', portText] = match;
  const port = portText === undefined ? null : portOf(portText);
  if (port === undefined) return { fault: 'the port must be 1 to 65535' };
  if (six === undefined && NAME.test(other.toLowerCase())) return { to: other.toLowerCase(), port };
  const range = readRange(six ?? other, six === undefined ? 4 : 6);
  if (typeof range === 'string') return { fault: range };
  if (isWithinAny(range, NEVER))
    return { fault: 'loopback, link-local, metadata and multicast addresses are never reached' };
  return { to: range, port };
}

function portOf(text: string): number | undefined {
  const port = Number(text);
  return /^[1-9]\d{0,4}$/.test(text) && port <= 65_535 ? port : undefined;
}

/** The range, or why it is none. */
function readRange(text: string, family: 4 | 6): Range | string {
  const [address = '', bits, ...more] = text.split('/');
  const whole = family === 4 ? 32 : 128;
  const isAddress = family === 4 ? isIPv4(address) : isIPv6(address) && !address.includes('%');
  if (!isAddress || more.length > 0)
    return family === 4 ? 'it is no IPv4 address and no full name' : 'it is no IPv6 address';
  if (bits === undefined) return rangeOf(address);
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > whole)
    return `the bits after the / must be 0 to ${whole}`;
  const range = { ...rangeOf(address), prefix: Number(bits) };
  const host = (1n << BigInt(whole - range.prefix)) - 1n;
  return (numberOf(range) & host) === 0n ? range : 'the address has bits beyond those that the / says';
}

/** The lowest address as a number. */
function numberOf({ family, address }: Range): bigint {
  if (family === 4) return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const [head = '', tail = ''] = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, hexOfBytes).split('::');
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => '0');
  return [...(before ?? []), ...zeros, ...(after ?? [])].reduce(
    (sum, group) => sum * 65_536n + BigInt(`0x${group}`),
    0n,
  );
}

/** The last four bytes as IPv6 has them: `1.2.3.4` is `102:304`. */
function hexOfBytes(_text: string, ...bytes: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function ranges(four: string, six: string): Range[] {
  const read = (family: 4 | 6) => (text: string) => {
    const [address = '', prefix] = text.split('/');
    return { family, address, prefix: Number(prefix) };
  };
  return [...four.split(' ').map(read(4)), ...six.split(' ').map(read(6))];
}
