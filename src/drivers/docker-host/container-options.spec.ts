import { describe, expect, it } from '@jest/globals';
import type { ResourceView } from '../driver.js';
import { containerOptions, writableDirectories } from './container-options.js';
import { dockerHostSpec } from './docker-host.spec-schema.js';

const MIB = 1024 ** 2;

function optionsOf(spec: Record<string, unknown> = {}, gate?: string) {
  const resource: ResourceView = {
    id: 'res_1',
    broker: 'here',
    blueprint: { name: 'containers', type: 'docker-host', tier: 'low', spec },
    place: null,
    handle: {},
    hostLease: null,
  };
  const whole = dockerHostSpec({ engine: 'unix:///run/d.sock', image: 'i', ...spec });
  return containerOptions(resource, whole, gate);
}

describe('the options of a container', () => {
  it('name it after its resource and label it with what made it', () => {
    const { name, Labels } = optionsOf();
    expect(name).toBe('berth-res_1');
    expect(Labels).toEqual({
      'berth.broker': 'here',
      'berth.resource': 'res_1',
      'berth.blueprint': 'containers',
    });
  });

  it('keep it in, where the blueprint says nothing', () => {
    const { User, Env, HostConfig } = optionsOf();
    expect(User).toBe('65532:65532');
    expect(Env).toEqual([]);
    expect(HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      ReadonlyRootfs: true,
      Init: true,
      PidsLimit: 512,
      NetworkMode: 'none',
      IpcMode: 'private',
      LogConfig: { Type: 'none' },
      RestartPolicy: { Name: 'no' },
      Mounts: [],
    });
    expect(HostConfig).not.toHaveProperty('Binds');
    expect(HostConfig).not.toHaveProperty('Runtime');
  });

  it('bound memory without swap, processors, files', () => {
    const { HostConfig } = optionsOf({ memory: '256m', cpus: 0.5 });
    expect(HostConfig).toMatchObject({ Memory: 256 * MIB, MemorySwap: 256 * MIB, NanoCpus: 5e8 });
    expect(HostConfig?.Ulimits?.map(({ Name }) => Name)).toEqual(['core', 'fsize', 'nofile']);
  });

  it('keep all writable directories together within memory, each with a size and an owner', () => {
    const { HostConfig } = optionsOf({ memory: '256m', user: '1000:1001' });
    const areas = Object.values(HostConfig?.Tmpfs ?? {});
    const sizes = areas.map((area) => Number(/size=(\d+)/.exec(area)?.[1]));
    expect(Object.keys(HostConfig?.Tmpfs ?? {})).toEqual(['/work', '/artifacts', '/tmp', '/home/berth']);
    expect(sizes[0]).toBe(128 * MIB);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(256 * MIB);
    for (const area of areas) expect(area).toMatch(/nosuid,nodev.*uid=1000,gid=1001/);
  });

  it('mount volumes by name, never with what the image has there', () => {
    const { HostConfig } = optionsOf({ mounts: [{ volume: 'cache', target: '/cache', readOnly: true }] });
    expect(HostConfig?.Mounts).toMatchObject([
      { Type: 'volume', Source: 'cache', Target: '/cache', ReadOnly: true, VolumeOptions: { NoCopy: true } },
    ]);
  });

  it('put it on the network of its broker, or on its gate’s, and on none before there is a gate', () => {
    const list = { network: { egress: ['a.example'], gate: 'g' } };
    expect(optionsOf({ network: 'bridge' }).HostConfig?.NetworkMode).toBe('berth-here');
    expect(optionsOf(list, 'abc')).toMatchObject({ HostConfig: { NetworkMode: 'container:abc' } });
    expect(optionsOf(list, 'abc')).not.toHaveProperty('Hostname');
    expect(optionsOf(list).HostConfig?.NetworkMode).toBe('none');
  });

  it('refuse a size that is none, rather than ask for no limit', () => {
    expect(() => optionsOf({ memory: 'lots' })).toThrow('is not a size');
  });
});

describe('the writable directories', () => {
  it('count those that the engine adds', () => {
    const directories = writableDirectories(
      dockerHostSpec({ engine: 'unix:///x', image: 'i', tmpfs: { '/cache': '1m' } }),
    );
    expect(directories).toEqual(expect.arrayContaining(['/work', '/cache', '/dev/shm', '/dev/mqueue']));
  });
});
