import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { BlueprintStore } from '../store/blueprint.store.js';
import type { Page } from '../store/page.js';
import type { ResourceFilter, ResourceRow, ResourceStore } from '../store/resource.store.js';
import type { Allocator } from './allocator.js';
import type { Drivers } from './drivers.js';
import type { Losses } from './losses.js';
import type { Signals } from './signals.js';

export type { ResourceRow as ResourceView } from '../store/resource.store.js';

/** What an operator sees of the resources, and does to them. */
export class ResourceService {
  constructor(
    private readonly resources: ResourceStore,
    private readonly blueprints: BlueprintStore,
    private readonly drivers: Drivers,
    private readonly losses: Losses,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
  ) {}

  async get(id: string): Promise<ResourceRow> {
    const resource = await this.resources.get(id);
    if (!resource) throw new BrokerError('not-found', `There is no resource ${id}.`);
    return resource;
  }

  list(filter: ResourceFilter): Promise<Page<ResourceRow>> {
    return this.resources.list(filter);
  }

  /** Takes the resource out of service whatever it does: its leases end, and it is destroyed. Legal from every state. */
  async release(id: string, by: Principal): Promise<ResourceRow> {
    await this.get(id);
    await this.losses.take([id], { to: 'released', reason: 'released by an admin', by: by.name });
    return this.get(id);
  }

  /**
   * The same of what can't be destroyed because what it stands on is gone for good, as `why` says: nothing more is done
   * there, neither for it nor for what stands on it. What turns up all the same is an orphan, and swept.
   * @throws BrokerError `in-use` while its blueprint names the machine, on which the next would be built
   */
  async giveUp(id: string, why: string, by: Principal): Promise<ResourceRow> {
    const { place, blueprint: name } = await this.get(id);
    const blueprint = await this.blueprints.get(name);
    if (
      blueprint &&
      place !== null &&
      this.drivers.get(blueprint.type).places(blueprint.spec)?.includes(place)
    )
      throw new BrokerError(
        'in-use',
        `Blueprint ${name} still lists the machine ${place}; take it out of spec.hosts first.`,
      );
    const reason = `gone: ${why}`;
    if (await this.resources.giveUp(id, reason, by.name)) this.signals.send('events', 'due', `over ${id}`);
    await this.losses.take([id], { to: 'broken', reason, by: by.name });
    return this.get(id);
  }

  /** A cordoned resource gets no new lease; the ones on it go on. */
  async cordon(id: string, cordoned: boolean, by: Principal): Promise<ResourceRow> {
    const { tier, type } = await this.get(id);
    if (await this.resources.setCordoned(id, cordoned, by.name)) {
      this.signals.send('events', 'due');
      this.allocator.poke({ tier, type });
    }
    return this.get(id);
  }

  /** Destroys the resource if it is idle, to make room. */
  async reclaim(id: string, by: Principal): Promise<ResourceRow> {
    const retired = await this.resources.retire([id], 'released', 'reclaimed', by.name, { onlyIdle: true });
    if (retired.length > 0) this.signals.send('events', 'due', `over ${id}`);
    const resource = await this.get(id);
    if (resource.state === 'active')
      throw new BrokerError(
        'in-use',
        `Resource ${id} holds ${resource.leases} leases; release it to end them.`,
      );
    return resource;
  }
}
