import { randomBytes } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { leaseOn, unhurried } from '../contract/driver-contract.js';
import { type DnsServer, startDnsServer } from '../support/dns-server.js';
import { client, gateImage, NO_CREDENTIALS, testEngine, testImage } from '../support/docker.js';
import { type Lan, type LanServer, makeLan } from '../support/lan.js';
import { type Outside, startOutside } from '../support/outside.js';
import { answersTo, said } from '../support/reach.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const gate = engine ? await gateImage(engine) : undefined;
const docker = client(engine ?? 'unix:///nowhere');
const broker = `test-${randomBytes(6).toString('hex')}`;
const made: ResourceView[] = [];
let dns: DnsServer;
const driver = new DockerHostDriver({
  credentials: NO_CREDENTIALS,
  resolver: () => {
    const resolver = new Resolver({ timeout: 5_000, tries: 1 });
    resolver.setServers([dns.address]);
    return resolver;
  },
});

function resourceOf(network: unknown, spec: Record<string, unknown> = {}): ResourceView {
  const resource: ResourceView = {
    id: `res_${randomBytes(6).toString('hex')}`,
    broker,
    blueprint: {
      name: 'containers',
      type: 'docker-host',
      tier: 'low',
      spec: { engine, image, memory: '64m', pids: 64, network, ...spec },
    },
    place: null,
    handle: {},
    hostLease: null,
  };
  made.push(resource);
  return resource;
}

async function leased(resource: ResourceView): Promise<LeaseView> {
  const { handle } = await driver.build(resource, unhurried());
  return leaseOn({ ...resource, handle });
}

const leaseWith = (network: unknown) => leased(resourceOf(network));

const answers = (lease: LeaseView, ...hosts: string[]) => answersTo({ driver, lease }, hosts);

const tells = (lease: LeaseView, script: string) => said({ driver, lease }, script);

const differencesOf = async (lease: LeaseView) =>
  (await driver.verify(lease.resource, unhurried())).differences;

const networks = async () => {
  const found = await docker.listNetworks({ filters: { name: [`berth-${broker}`] } });
  return found.map(({ Name }) => Name);
};

const containers = () => docker.listContainers({ all: true, filters: { label: [`berth.broker=${broker}`] } });

async function destroyAll(): Promise<void> {
  for (const resource of made.splice(0)) await driver.destroy(resource, unhurried());
}

(engine && gate ? describe : describe.skip)('the network of containers', () => {
  let lan: Lan;
  let listed: LanServer;
  let named: LanServer;
  let other: LanServer;
  let outside: Outside;

  beforeAll(async () => {
    lan = await makeLan(docker, image);
    [listed, named, other] = await Promise.all([lan.serve('listed'), lan.serve('named'), lan.serve('other')]);
    outside = await startOutside();
    dns = await startDnsServer({
      'packages.example.org': [named.ipv4, named.ipv6],
      'inside.example.org': ['10.1.2.3'],
      'metadata.example.org': ['169.254.169.254'],
    });
  });

  afterEach(destroyAll);

  afterAll(async () => {
    dns?.close();
    outside?.close();
    await lan?.close();
  });

  describe('bridge', () => {
    it('reaches out but no other container, has no IPv6, and is gone with the last that had it', async () => {
      const [one, two] = [await leaseWith('bridge'), await leaseWith('bridge')];
      const [address] = (await tells(one, `ip -4 -o addr show eth0 | sed 's/.* inet //; s,/.*,,'`)).split(
        '\n',
      );
      const machine = (await tells(one, `ip route | awk '/^default/ { print $3 }'`)).trim();
      await tells(one, 'mkdir www && echo neighbour > www/index.html && httpd -h www -p 8000');
      const neighbour = `${address}:8000`;
      const further = `${machine}:${outside.port}`;
      expect(await answers(one, neighbour)).toEqual({ [neighbour]: 'neighbour' });
      expect(await answers(two, neighbour, further)).toEqual({ [neighbour]: null, [further]: 'outside' });
      expect(await tells(one, 'ip -6 addr show dev eth0')).toBe('');
      expect([await differencesOf(one), await differencesOf(two)]).toEqual([[], []]);
      await driver.destroy(one.resource, unhurried());
      expect(await networks()).toEqual([`berth-${broker}`]);
      await driver.destroy(two.resource, unhurried());
      expect(await networks()).toEqual([]);
      expect((await docker.getNetwork(lan.name).inspect()).Name).toBe(lan.name);
    });

    it('is made anew for a container whose network was taken away before it started', async () => {
      const { resource } = await leaseWith('bridge');
      await docker.getContainer(`berth-${resource.id}`).kill();
      await docker.getNetwork(`berth-${broker}`).remove();
      expect(await differencesOf(await leased(resource))).toEqual([]);
    });

    it('is compared, and left alone where it is another’s', async () => {
      const foreign = await docker.createNetwork({ Name: `berth-${broker}`, Driver: 'bridge' });
      const lease = await leaseWith('bridge');
      expect(await differencesOf(lease)).toEqual([expect.stringMatching(/^network is .*"options":\{\}/)]);
      await destroyAll();
      expect((await foreign.inspect()).Name).toBe(`berth-${broker}`);
      await foreign.remove();
    });

    it('is one network, however many containers want it at once', async () => {
      const resources = [0, 1, 2].map(() => resourceOf('bridge'));
      const leases = await Promise.all(resources.map(leased));
      expect(await networks()).toEqual([`berth-${broker}`]);
      expect(await Promise.all(leases.map(differencesOf))).toEqual([[], [], []]);
    });
  });

  describe('with an allow list', () => {
    const list = (...egress: string[]) => ({ egress, gate, via: lan.name });

    it('reaches what is listed, by address, port and name, and nothing else', async () => {
      const { ipv4, ipv6 } = listed;
      const lease = await leaseWith(list(`${ipv4}:80`, `[${ipv6}]:80`, 'packages.example.org:8080'));
      const open = {
        [`${ipv4}:80`]: 'listed',
        [`[${ipv6}]:80`]: 'listed',
        'packages.example.org:8080': 'named',
        [`${named.ipv4}:8080`]: 'named',
        [`[${named.ipv6}]:8080`]: 'named',
      };
      const closed = {
        [`${ipv4}:8080`]: null,
        [`[${ipv6}]:8080`]: null,
        'packages.example.org:80': null,
        [`${other.ipv4}:80`]: null,
        [`[${other.ipv6}]:80`]: null,
      };
      expect(await answers(lease, ...Object.keys({ ...open, ...closed }))).toEqual({ ...open, ...closed });
      expect(await differencesOf(lease)).toEqual([]);
      expect(await tells(lease, 'hostname')).toBe('berth\n');
    });

    it('reaches over the broker’s own network where no other is named', async () => {
      const open = `${lan.machine.ipv4}:${outside.port}`;
      const closed = `${listed.ipv4}:80`;
      const lease = await leaseWith({ egress: [open], gate });
      expect(await answers(lease, open, closed)).toEqual({ [open]: 'outside', [closed]: null });
      expect(await differencesOf(lease)).toEqual([]);
      await destroyAll();
      expect([await containers(), await networks()]).toEqual([[], []]);
    });

    it('has a network as new, the same rules and the same names when it is cleaned', async () => {
      const lease = await leaseWith(list(`${listed.ipv4}:80`, 'packages.example.org:80'));
      const namespace = await tells(lease, 'readlink /proc/self/ns/net');
      dns.names.set('packages.example.org', [other.ipv4]);
      await driver.cut(lease, unhurried());
      await driver.clean(lease.resource, unhurried());
      dns.names.set('packages.example.org', [named.ipv4, named.ipv6]);
      const next = leaseOn(lease.resource);
      expect(await tells(next, 'readlink /proc/self/ns/net')).not.toBe(namespace);
      const expected = {
        [`${listed.ipv4}:80`]: 'listed',
        'packages.example.org:80': 'named',
        [`${other.ipv4}:80`]: null,
      };
      expect(await answers(next, ...Object.keys(expected))).toEqual(expected);
    });

    it('leaves, killed before there is a container, a gate that is listed, destroyed, or built upon', async () => {
      const unknown = `sha256:${'0'.repeat(64)}`;
      const halves = [0, 1].map(() => resourceOf(list('packages.example.org:80'), { image: unknown }));
      for (const half of halves)
        await expect(driver.build(half, unhurried())).rejects.toMatchObject({ code: 'image-missing' });
      const [half, rest] = halves as [ResourceView, ResourceView];
      const listing = async () => (await driver.list(half.blueprint, broker, unhurried())).found;
      const found = (it: ResourceView) => ({ resourceId: it.id, place: null });
      const gated = { ...found(half), name: `berth-${half.id}-gate`, alive: false };
      expect(await listing()).toHaveLength(2);
      expect(await listing()).toContainEqual(gated);
      await driver.destroy(half, unhurried());
      expect(await listing()).toMatchObject([found(rest)]);
      dns.names.delete('packages.example.org');
      const { blueprint } = rest;
      const lease = await leased({
        ...rest,
        blueprint: { ...blueprint, spec: { ...blueprint.spec, image } },
      });
      dns.names.set('packages.example.org', [named.ipv4, named.ipv6]);
      expect(await answers(lease, 'packages.example.org:80')).toEqual({ 'packages.example.org:80': 'named' });
      expect(await listing()).toEqual([{ ...found(rest), name: `berth-${rest.id}`, alive: true }]);
      await destroyAll();
      expect(await containers()).toEqual([]);
    });

    it('is lost with its gate', async () => {
      const open = `${listed.ipv4}:80`;
      const lease = await leaseWith(list(open));
      const { blueprint } = lease.resource;
      const alive = async () => (await driver.list(blueprint, broker, unhurried())).found[0]?.alive;
      const gone = docker.getContainer(`berth-${lease.resource.id}-gate`);
      expect(await alive()).toBe(true);
      await gone.kill();
      expect(await answers(lease, open)).toEqual({ [open]: null });
      expect(await alive()).toBe(false);
      expect(await differencesOf(lease)).toContain(`The gate's running is false where true was asked for.`);
      await gone.remove();
      expect(await alive()).toBe(false);
      const lost = { code: 'resource-lost' };
      await expect(driver.verify(lease.resource, unhurried())).rejects.toMatchObject(lost);
      await expect(driver.clean(lease.resource, unhurried())).rejects.toMatchObject(lost);
    });

    it.each([
      ['a name that has no address', 'gone.example.org', 'not-found', 'gone.example.org'],
      ['a name that is private', 'inside.example.org:443', 'refused', '10.1.2.3, which is private'],
      ['a name that is a metadata service', 'metadata.example.org', 'refused', 'never reached'],
    ])('is not built with %s', async (_, entry, code, message) => {
      const fault = { code, temporary: false, message: expect.stringContaining(message) };
      await expect(driver.build(resourceOf(list(entry)), unhurried())).rejects.toMatchObject(fault);
      expect(await containers()).toEqual([]);
    });

    it('is built with a name that is private where the address is listed too', async () => {
      const lease = await leaseWith(list('inside.example.org:443', '10.1.0.0/16:443'));
      expect(lease.resource.handle.hosts).toEqual({ 'inside.example.org': ['10.1.2.3'] });
    });

    it('waits for a DNS that does not answer', async () => {
      const { address } = dns;
      dns.address = '127.0.0.1:1';
      const build = driver.build(resourceOf(list('packages.example.org')), unhurried());
      await expect(build).rejects.toMatchObject({ code: 'unreachable', temporary: true });
      dns.address = address;
    });

    it.each([
      ['its gate’s image', () => ({ gate: `sha256:${'0'.repeat(64)}` }), 'image-missing'],
      ['iptables in that image', () => ({ gate: image }), 'invalid'],
      ['the network that it names', () => ({ via: `${lan.name}-not` }), 'not-found'],
      ['IPv6 on that network', () => ({ via: 'bridge', egress: ['[2001:db8::1]'] }), 'invalid'],
    ])('is not built without %s', async (_, change, code) => {
      const network = { ...list('192.0.2.7'), ...change() };
      await expect(driver.build(resourceOf(network), unhurried())).rejects.toMatchObject({ code });
    });
  });
});
