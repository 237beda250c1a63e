import type { Driver, LeaseView, ResourceView } from '../drivers/driver.js';
import type { BlueprintStore } from '../store/blueprint.store.js';
import type { LeaseRow, LeaseStore } from '../store/lease.store.js';
import type { ResourceRow, ResourceStore } from '../store/resource.store.js';
import type { Drivers } from './drivers.js';

/** A subject as its driver sees it. */
export interface Driven<V> {
  driver: Driver;
  view: V;
}

/** Gathers from the rows what a driver needs to act. */
export class Views {
  constructor(
    private readonly broker: string,
    private readonly drivers: Drivers,
    private readonly blueprints: BlueprintStore,
    private readonly resources: ResourceStore,
    private readonly leases: LeaseStore,
  ) {}

  async resource(row: ResourceRow): Promise<Driven<ResourceView>> {
    const blueprint = await this.blueprints.get(row.blueprint);
    if (!blueprint) throw new Error(`Resource ${row.id} has no blueprint ${row.blueprint}.`);
    const { name, type, tier } = blueprint;
    const driver = this.drivers.get(type);
    // A machine is reached as the blueprint says now, as long as it names it; all else where and how it was built.
    const isNamed = row.place !== null && driver.places(blueprint.spec)?.includes(row.place);
    const spec = (isNamed ? null : row.formerSpec) ?? blueprint.spec;
    const host = row.hostLeaseId === null ? undefined : await this.leases.get(row.hostLeaseId);
    const hostLease = host?.resourceId ? (await this.lease(host)).view : null;
    const { id, place, handle } = row;
    const view = { id, broker: this.broker, blueprint: { name, type, tier, spec }, place, handle, hostLease };
    return { driver, view };
  }

  /** A lease that holds a resource. */
  async lease(row: LeaseRow): Promise<Driven<LeaseView>> {
    const { id, fence, attributes, resourceId } = row;
    const resource = resourceId === null ? undefined : await this.resources.get(resourceId);
    if (!resource) throw new Error(`Lease ${id} holds no resource.`);
    const { driver, view } = await this.resource(resource);
    return { driver, view: { id, fence: fence ?? 0, attributes, resource: view } };
  }
}
