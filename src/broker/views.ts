import type { Driver, LeaseView, ResourceView } from '../drivers/driver.js';
import type { LeaseRow } from '../store/lease.store.js';
import type { ResourceStore, Standing } from '../store/resource.store.js';
import type { Drivers } from './drivers.js';

/** A subject as its driver sees it. */
export interface Driven<V> {
  driver: Driver;
  view: V;
  /** What it stands on, however far down, is gone for good, as an admin says. */
  isGone: boolean;
}

/** Gathers from the rows what a driver needs to act. */
export class Views {
  constructor(
    private readonly broker: string,
    private readonly drivers: Drivers,
    private readonly resources: ResourceStore,
  ) {}

  async resource({ id }: { id: string }, standing?: Promise<Standing[]>): Promise<Driven<ResourceView>> {
    let [top, ...below] = (await standing) ?? [];
    if (top?.id !== id) [top, ...below] = await this.resources.standing(id);
    if (!top) throw new Error(`There is no resource ${id}.`);
    return {
      driver: this.drivers.get(top.blueprint.type),
      view: this.view(top, below),
      isGone: [top, ...below].some(({ givenUp }) => givenUp),
    };
  }

  /** What a lease holds, for `lease` to make use of: read beside the lease itself, so that neither waits for the other. */
  heldBy(leaseId: string): Promise<Standing[]> {
    const held = this.resources.heldBy(leaseId);
    held.catch(() => undefined); // told by `lease`, if it is asked
    return held;
  }

  /** A lease that holds a resource. */
  async lease(
    { id, fence, attributes, resourceId }: LeaseRow,
    held?: Promise<Standing[]>,
  ): Promise<Driven<LeaseView>> {
    if (resourceId === null) throw new Error(`Lease ${id} holds no resource.`);
    const { view, ...driven } = await this.resource({ id: resourceId }, held);
    return { ...driven, view: { id, fence: fence ?? 0, attributes, resource: view } };
  }

  private view({ id, place, handle, formerSpec, blueprint }: Standing, below: Standing[]): ResourceView {
    const { name, type, tier } = blueprint;
    // A machine is reached as the blueprint says now, as long as it names it; all else where and how it was built.
    const isNamed = place !== null && this.drivers.get(type).places(blueprint.spec)?.includes(place);
    const spec = (isNamed ? null : formerSpec) ?? blueprint.spec;
    const [host, ...rest] = below;
    const hostLease = host?.lease
      ? { ...host.lease, fence: host.lease.fence ?? 0, resource: this.view(host, rest) }
      : null;
    return { id, broker: this.broker, blueprint: { name, type, tier, spec }, place, handle, hostLease };
  }
}
