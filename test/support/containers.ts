import { randomBytes } from 'node:crypto';
import type { ContainerCreateOptions } from 'dockerode';
import { containerOptions } from '../../src/drivers/docker-host/container-options.js';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import { dockerHostSpec } from '../../src/drivers/docker-host/docker-host.spec-schema.js';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { leaseOn, type Ran, shell, unhurried } from '../contract/driver-contract.js';
import { client, NO_CREDENTIALS, testImage } from './docker.js';

/** What to make of a container's options before the engine is asked for it. */
export type Weaken = (options: ContainerCreateOptions) => ContainerCreateOptions;

/** Containers of one test file on an engine, leased without a broker. */
export class Containers {
  readonly driver = new DockerHostDriver({ credentials: NO_CREDENTIALS });
  private readonly broker = `test-${randomBytes(6).toString('hex')}`;
  private readonly made: ResourceView[] = [];

  constructor(private readonly engine: string) {}

  /** A container as the driver makes it; with `weaken`, one that somebody else made in its place. */
  async lease(spec: Record<string, unknown> = {}, weaken?: Weaken): Promise<LeaseView> {
    const resource = await this.resource(spec);
    if (weaken) {
      const options = containerOptions(resource, dockerHostSpec(resource.blueprint.spec));
      await client(this.engine).createContainer(weaken(options));
    }
    // It takes the container that bears its name and labels.
    const { handle } = await this.driver.build(resource, unhurried());
    return leaseOn({ ...resource, handle });
  }

  run(lease: LeaseView, script: string): Promise<Ran> {
    return shell(this.driver, lease, script);
  }

  async destroy(): Promise<void> {
    for (const resource of this.made.splice(0)) await this.driver.destroy(resource, unhurried());
    this.driver.close();
  }

  private async resource(spec: Record<string, unknown>): Promise<ResourceView> {
    const base = { engine: this.engine, image: await testImage(this.engine), memory: '128m', pids: 64 };
    const resource: ResourceView = {
      id: `res_${randomBytes(6).toString('hex')}`,
      broker: this.broker,
      blueprint: { name: 'containers', type: 'docker-host', tier: 'low', spec: { ...base, ...spec } },
      place: null,
      handle: {},
      hostLease: null,
    };
    this.made.push(resource);
    return resource;
  }
}
