import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseView } from '../../src/drivers/driver.js';
import { unhurried } from '../contract/driver-contract.js';
import { Containers } from '../support/containers.js';
import { client, gateImage, testEngine, testImage, testImageThatFirst } from '../support/docker.js';
import { type Lan, type LanServer, makeLan } from '../support/lan.js';
import { type Outside, startOutside } from '../support/outside.js';
import { answersIn, answersTo, httpGet } from '../support/reach.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const gate = engine ? await gateImage(engine) : undefined;
const docker = client(engine ?? 'unix:///nowhere');
const containers = new Containers(engine ?? 'unix:///nowhere');
const { driver } = containers;

const gateOf = ({ resource }: LeaseView) => docker.getContainer(`berth-${resource.id}-gate`);

const differencesOf = async ({ resource }: LeaseView) =>
  (await driver.verify(resource, unhurried())).differences;

const answers = (lease: LeaseView, hosts: string[]) => answersTo({ driver, lease }, hosts);

/** Addresses of the engine's machine that are not those of some test's bridge, which comes and goes. */
function ownAddresses(): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !/^(lo|br|bd|docker|veth|berth)/.test(name))
    .flatMap(([, found]) => found ?? [])
    .filter(({ address }) => !address.startsWith('fe80'))
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
}

/** That nothing is answered by any of them. */
const silent = (hosts: string[]) => Object.fromEntries(hosts.map((host) => [host, null]));

(engine && gate ? describe : describe.skip)('code behind an allow list', () => {
  let lan: Lan;
  let listed: LanServer;
  let other: LanServer;
  let outside: Outside;
  let open: string;
  let closed: string[];
  let network: { egress: string[] };
  let lease: LeaseView;

  async function inGate(script: string): Promise<void> {
    const exec = await gateOf(lease).exec({ Cmd: ['sh', '-c', script], AttachStdout: true });
    const stream = await exec.start({});
    await new Promise((resolve) => stream.on('end', resolve).resume());
    expect((await exec.inspect()).ExitCode).toBe(0);
  }

  const listing = (...egress: string[]) => ({ egress, gate, via: lan.name });

  beforeAll(async () => {
    lan = await makeLan(docker, image);
    [listed, other] = await Promise.all([lan.serve('listed'), lan.serve('other')]);
    outside = await startOutside();
    open = `${listed.ipv4}:80`;
    const machine = [lan.machine.ipv4, `[${lan.machine.ipv6}]`, ...ownAddresses()];
    closed = [
      ...machine.map((address) => `${address}:${outside.port}`),
      `${other.ipv4}:80`,
      `[${other.ipv6}]:80`,
      `${listed.ipv4}:8080`,
      `[${listed.ipv6}]:8080`,
    ];
    network = listing(open, `[${listed.ipv6}]:80`);
    lease = await containers.lease({ network, image: gate });
  });

  afterAll(async () => {
    await containers.destroy();
    outside?.close();
    await lan?.close();
  });

  it('reaches neither the engine’s machine, nor a metadata service, nor what is beside the listed one', async () => {
    const loopback = ['127.0.0.1', '[::1]'].map((address) => `${address}:${outside.port}`);
    const never = [...loopback, '169.254.169.254:80', '[fd00:ec2::254]:80', ...closed];
    expect(await answers(lease, [open, ...never])).toEqual({ ...silent(never), [open]: 'listed' });
    expect(outside.connections()).toBe(0);
    expect([await listed.asked(), await other.asked()]).toEqual([expect.stringContaining('url:/'), '']);
  });

  it('reaches no neighbour, though both may reach the network that they are on', async () => {
    const wide = listing('0.0.0.0/0', '[::/0]');
    const [one, two] = [await containers.lease({ network: wide }), await containers.lease({ network: wide })];
    await containers.run(one, 'mkdir www && echo neighbour > www/index.html && httpd -h www -p 8000');
    const { Networks } = (await gateOf(one).inspect()).NetworkSettings;
    const { IPAddress, GlobalIPv6Address } = Networks[lan.name] ?? {};
    const hosts = [`${IPAddress}:8000`, `[${GlobalIPv6Address}]:8000`];
    expect(Object.values(await answers(one, hosts))).toEqual(['neighbour', 'neighbour']);
    const never = [...hosts, '169.254.169.254:80', '[fd00:ec2::254]:80', '10.0.0.1:80'];
    expect(await answers(two, [open, ...never])).toEqual({ ...silent(never), [open]: 'listed' });
  });

  it.each([
    ['its resolver', 'nslookup example.org'],
    ['the engine’s resolver', 'nslookup example.org 127.0.0.11'],
    ['the engine’s resolver by TCP', 'nc -w 3 127.0.0.11 53 < /dev/null'],
    ['a resolver beside', "nslookup example.org $(ip route | awk '/^default/ { print $3 }')"],
  ])('gets nothing out by %s', async (_, script) => {
    const { exit, stderr } = await containers.run(lease, script);
    expect(exit.exitCode).not.toBe(0);
    expect(stderr.toString()).toMatch(/not permitted|No route|prohibited|refused/);
  });

  it('is behind it from its first instruction on', async () => {
    const hosts = [open, ...closed];
    const first = hosts.map((host) => `echo "${host} $(${httpGet(host)})" &`).join('\n');
    const tag = `first-${randomBytes(6).toString('hex')}`;
    const eager = await testImageThatFirst(engine as string, tag, `${first}\nwait`);
    const impatient = await containers.lease({ network, image: eager });
    const { stdout } = await containers.run(impatient, 'cat /tmp/first');
    expect(answersIn(stdout.toString(), hosts)).toEqual({ ...silent(closed), [open]: 'listed' });
    await driver.destroy(impatient.resource, unhurried());
    await docker.getImage(eager).remove();
  });

  it.each([
    ['flushes the rules', 'iptables -F'],
    ['changes a policy', 'ip6tables -P OUTPUT ACCEPT'],
    ['adds a rule', 'iptables -I OUTPUT -j ACCEPT'],
    ['takes another address', 'ip addr add 198.51.100.77/24 dev eth0'],
    ['takes another way', 'ip route add 192.0.2.0/24 dev eth0'],
    ['takes the interface down', 'ip link set eth0 down'],
    ['sends past the kernel', 'arping -c 1 192.0.2.1'],
    ['makes a namespace', 'unshare -rn true'],
    ['enters the gate’s', 'nsenter -t 1 -n true'],
    ['changes its hosts', 'echo 192.0.2.1 packages.example.org >> /etc/hosts'],
  ])('%s in vain', async (_, script) => {
    const { exit, stderr } = await containers.run(lease, script);
    expect(exit.exitCode).not.toBe(0);
    expect(stderr.toString()).toMatch(/not permitted|denied|Read-only|nonexistent/);
  });

  it('is as it was after all that', async () => {
    expect(await differencesOf(lease)).toEqual([]);
  });

  it.each([
    ['a rule before the others', 'iptables -I OUTPUT -j ACCEPT', 'iptables -D OUTPUT 1'],
    ['a policy', 'ip6tables -P OUTPUT ACCEPT', 'ip6tables -P OUTPUT DROP'],
    ['a rule less', 'iptables -D INPUT 1', 'iptables -I INPUT -i lo -j ACCEPT'],
    ['a chain more', 'iptables -N MORE', 'iptables -X MORE'],
  ])('is found out where its list has %s', async (_, change, undo) => {
    await inGate(change);
    expect(await differencesOf(lease)).toEqual([expect.stringMatching(/^The gate's rules is /)]);
    await inGate(undo);
    expect(await differencesOf(lease)).toEqual([]);
  });

  it('is found in another network than its gate’s, when someone started that again', async () => {
    await gateOf(lease).restart({ t: 0 });
    expect(await differencesOf(lease)).toEqual([expect.stringMatching(/^networkNamespace is /)]);
    expect(await answers(lease, [open, ...closed])).toEqual(silent([open, ...closed]));
  });

  it('reaches all of it where the list is left out, which is found missing', async () => {
    const bare = await containers.lease({}, (options) => ({
      ...options,
      HostConfig: { ...options.HostConfig, NetworkMode: lan.name },
    }));
    expect(Object.values(await answers(bare, closed))).not.toContain(null);
    expect(await differencesOf(bare)).toContainEqual(expect.stringMatching(/^networks is /));
  });
});
