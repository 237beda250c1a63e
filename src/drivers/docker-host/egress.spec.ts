import { describe, expect, it } from '@jest/globals';
import { egressFault, entriesOf, isWithin, type Range } from './egress.js';

const faultOf = (entry: unknown) => egressFault({ egress: [entry], gate: 'gate', via: 'lan' });
const entryOf = (entry: string) => entriesOf({ egress: [entry], gate: 'gate' })[0];

describe('an entry of an allow list', () => {
  it.each([
    ['192.0.2.7:443', { to: { family: 4, address: '192.0.2.7', prefix: 32 }, port: 443 }],
    ['198.51.100.0/24', { to: { family: 4, address: '198.51.100.0', prefix: 24 }, port: null }],
    ['0.0.0.0/0:443', { to: { family: 4, address: '0.0.0.0', prefix: 0 }, port: 443 }],
    ['10.0.0.0/8', { to: { family: 4, address: '10.0.0.0', prefix: 8 }, port: null }],
    ['[2001:DB8:0:0::1]:443', { to: { family: 6, address: '2001:db8::1', prefix: 128 }, port: 443 }],
    ['[2001:db8:7::/48]', { to: { family: 6, address: '2001:db8:7::', prefix: 48 }, port: null }],
    ['[::/0]:65535', { to: { family: 6, address: '::', prefix: 0 }, port: 65_535 }],
    ['Registry.example.org:443', { to: 'registry.example.org', port: 443 }],
    ['a-1.xn--fiqs8s', { to: 'a-1.xn--fiqs8s', port: null }],
  ])('%s is taken', (text, entry) => {
    expect(faultOf(text)).toBeUndefined();
    expect(entryOf(text)).toEqual(entry);
  });

  it.each([
    ['', 'no IPv4 address and no full name'],
    [443, 'write it as'],
    ['https://a.example/', 'the port must be'],
    ['a.example:0', 'the port must be 1 to 65535'],
    ['a.example:65536', 'the port must be 1 to 65535'],
    ['a.example:0443', 'the port must be 1 to 65535'],
    ['a.example:', 'the port must be 1 to 65535'],
    ['a.example:https', 'the port must be 1 to 65535'],
    ['localhost:80', 'no full name'],
    ['*.example.org', 'no full name'],
    ['a.example\nb.example', 'no full name'],
    ['-a.example', 'no full name'],
    ['192.0.2.256', 'no IPv4 address'],
    ['192.0.2', 'no IPv4 address'],
    ['192.0.2.0/33', '0 to 32'],
    ['192.0.2.0/', '0 to 32'],
    ['192.0.2.0/24/24', 'no IPv4 address'],
    ['192.0.2.7/24', 'beyond those that the / says'],
    ['2001:db8::1', 'in brackets'],
    ['2001:db8::/32', 'in brackets'],
    ['2001:db8::1:443', 'in brackets'],
    ['[2001:db8::1%eth0]', 'no IPv6 address'],
    ['[2001:db8::1/64]', 'beyond those that the / says'],
    ['[2001:db8::/129]', '0 to 128'],
    ['[192.0.2.7]', 'no IPv6 address'],
    ['127.0.0.1:80', 'never reached'],
    ['0.0.0.0', 'never reached'],
    ['169.254.169.254:80', 'never reached'],
    ['169.254.0.0/16', 'never reached'],
    ['100.100.100.200', 'never reached'],
    ['224.0.0.1', 'never reached'],
    ['[::1]:80', 'never reached'],
    ['[fe80::1]', 'never reached'],
    ['[fd00:ec2::254]:80', 'never reached'],
    ['[::ffff:169.254.169.254]:80', 'never reached'],
    ['[ff02::1]', 'never reached'],
  ])('%j is refused, with what is wrong', (text, hint) => {
    expect(faultOf(text)).toContain(hint);
  });

  it('of IPv6 needs a network that has it', () => {
    const list = { egress: ['[2001:db8::1]:443'], gate: 'gate' };
    expect(egressFault(list)).toContain('must have via');
    expect(egressFault({ ...list, via: 'lan' })).toBeUndefined();
  });
});

describe('a range', () => {
  const range = (text: string): Range => {
    const [address = '', prefix] = text.split('/');
    return { family: address.includes(':') ? 6 : 4, address, prefix: Number(prefix) };
  };

  it.each([
    ['10.1.2.3/32', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.0.0.0/7', '10.0.0.0/8', false],
    ['11.0.0.0/32', '10.0.0.0/8', false],
    ['0.0.0.0/0', '10.0.0.0/8', false],
    ['192.0.2.1/32', '0.0.0.0/0', true],
    ['fd12::1/128', 'fc00::/7', true],
    ['fe80::1/128', 'fc00::/7', false],
    ['::ffff:10.0.0.1/128', '::ffff:0.0.0.0/96', true],
    ['2001:db8::1/128', '0.0.0.0/0', false],
  ])('%s within %s: %s', (inner, outer, is) => {
    expect(isWithin(range(inner), range(outer))).toBe(is);
  });
});
