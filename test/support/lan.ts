import { randomBytes, randomInt } from 'node:crypto';
import type Dockerode from 'dockerode';

/** A network of an engine with IPv4 and IPv6, from the addresses that are for documentation, with servers on it. */
export interface Lan {
  name: string;
  /** Addresses of the engine's machine on it. */
  machine: Addresses;
  /** Starts a server that answers HTTP on ports 80 and 8080 with its name. */
  serve(name: string): Promise<LanServer>;
  close(): Promise<void>;
}

export interface Addresses {
  ipv4: string;
  ipv6: string;
}

export interface LanServer extends Addresses {
  /** What it was asked on port 80 so far. */
  asked(): Promise<string>;
}

/** On an engine, of an image with busybox. Others may make such networks at the same time. */
export async function makeLan(docker: Dockerode, image: string): Promise<Lan> {
  let made = await tryNetwork(docker);
  while (!made) made = await tryNetwork(docker);
  const { network, name, machine } = made;
  const containers: Dockerode.Container[] = [];
  return {
    name,
    machine,
    async serve(own) {
      const script = `mkdir /www && echo ${own} > /www/index.html && httpd -h /www -p 8080 && exec httpd -f -vv -h /www -p 80`;
      const container = await docker.createContainer({
        Image: image,
        Entrypoint: ['sh', '-c', script],
        HostConfig: { NetworkMode: name },
      });
      containers.push(container);
      await container.start();
      const { NetworkSettings } = await container.inspect();
      const { IPAddress: ipv4 = '', GlobalIPv6Address: ipv6 = '' } = NetworkSettings.Networks[name] ?? {};
      const asked = async () => (await container.logs({ stdout: true, stderr: true })).toString();
      return { ipv4, ipv6, asked };
    },
    async close() {
      for (const container of containers) await container.remove({ force: true });
      await network.remove();
    },
  };
}

/** Undefined where a random one of these networks is another's. */
async function tryNetwork(docker: Dockerode) {
  const id = randomBytes(4).toString('hex');
  const name = `lan-${id}`;
  const [three, fourth] = [randomInt(2) ? '198.51.100' : '203.0.113', randomInt(16) * 16];
  const six = `2001:db8:${id.slice(0, 4)}:${id.slice(4)}`;
  const machine = { ipv4: `${three}.${fourth + 1}`, ipv6: `${six}::1` };
  const Config = [
    { Subnet: `${three}.${fourth}/28`, Gateway: machine.ipv4 },
    { Subnet: `${six}::/64`, Gateway: machine.ipv6 },
  ];
  const IPAM = { Driver: 'default', Config };
  try {
    const network = await docker.createNetwork({ Name: name, Driver: 'bridge', EnableIPv6: true, IPAM });
    return { network, name, machine };
  } catch (fault) {
    if (/overlaps/.test(String(fault))) return undefined;
    throw fault;
  }
}
