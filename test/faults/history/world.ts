import { type Account, ENDINGS, type Held } from './accounts.js';
import type { History, LogEvent } from './history.js';
import { Queue } from './queue.js';

/** What may follow in the log on what, of a lease and of a resource. */
const LEASE: Record<string, readonly string[]> = {
  pending: ['acquired', 'active', 'released', 'broken'],
  acquired: ['active', 'pending', 'released', 'broken'],
  active: ['released', 'broken'],
  released: ['destroyed'],
  broken: ['destroyed'],
  destroyed: [],
};
const RESOURCE: Record<string, readonly string[]> = {
  pending: ['active', 'released', 'broken'],
  active: ['released', 'broken'],
  released: ['destroyed'],
  broken: ['destroyed'],
  destroyed: [],
};

interface Lease {
  id: string;
  state: string;
  /** Absent: the broker's own, for something to stand on. */
  consumer?: string;
  on?: Resource;
  /** Last. */
  granted?: { resource: string | null; fence?: number };
}

interface Resource {
  id: string;
  blueprint: string;
  state: string;
  fence: number;
  holders: Set<string>;
}

/** The world as the log tells it, event by event; says of each what is wrong with it. */
export class World {
  private readonly leases = new Map<string, Lease>();
  private readonly resources = new Map<string, Resource>();
  private readonly liveOf = new Map<string, number>();
  private readonly queue: Queue;

  constructor(
    private readonly limits: History['limits'],
    private readonly accounts: ReadonlyMap<string, Account>,
    private readonly fault: (text: string) => void,
  ) {
    this.queue = new Queue(fault);
  }

  see(event: LogEvent): void {
    const [subject, what] = event.kind.split('.') as [string, string];
    if (subject === 'resource' && what in RESOURCE) this.resource(event, what);
    if (subject === 'lease' && what === 'waiting')
      this.queue.waits(event.lease as string, event.data.reason ?? '', event.transaction);
    if (subject === 'lease' && what in LEASE) this.lease(event, what);
  }

  /** Nothing follows: whatever was asked for is over, and nothing of it was forgotten. */
  close(live: readonly string[]): void {
    const there = new Set(live);
    for (const { id, state, consumer } of this.leases.values()) {
      if (state === 'destroyed') continue;
      if (!there.has(id)) this.fault(`lease ${id} was lost`);
      else if (consumer !== undefined) this.fault(`lease ${id} is ${state} for ever`);
    }
    for (const [id, { held }] of this.accounts) {
      const lease = this.leases.get(id);
      if (!lease) this.fault(`lease ${id} was given to a caller and is not in the log`);
      else if (held) this.mustBeGranted(held, lease);
    }
  }

  private mustBeGranted({ resource, fence }: Held, { id, granted }: Lease): void {
    if (granted?.resource !== resource || granted.fence !== fence)
      this.fault(
        `${id} holds ${resource} under fence ${fence}, but was granted ${granted?.resource} under ${granted?.fence}`,
      );
  }

  /** How many may hold the resource at one time. */
  placesOn(resource: string): number {
    return this.limits[this.resources.get(resource)?.blueprint ?? '']?.leasesPerResource ?? 1;
  }

  private resource({ resource: id, blueprint }: LogEvent, state: string): void {
    if (id === null || blueprint === null) return;
    const known = this.resources.get(id);
    if (!known) {
      if (state !== 'pending') this.fault(`${id} is ${state} and was never built`);
      this.resources.set(id, { id, blueprint, state, fence: 0, holders: new Set() });
      const limit = this.limits[blueprint]?.resources ?? 0;
      const live = this.counted(blueprint, 1);
      if (live > limit) this.fault(`${blueprint} had ${live} resources with ${id}, and may have ${limit}`);
      return;
    }
    if (!RESOURCE[known.state]?.includes(state)) this.fault(`${id} went from ${known.state} to ${state}`);
    if (state === 'destroyed') {
      if (known.holders.size > 0)
        this.fault(`${id} was destroyed while held by ${[...known.holders].join(' and ')}`);
      if (known.state !== 'destroyed') this.counted(blueprint, -1);
    }
    known.state = state;
  }

  private counted(blueprint: string, change: number): number {
    const live = (this.liveOf.get(blueprint) ?? 0) + change;
    this.liveOf.set(blueprint, live);
    return live;
  }

  private lease(event: LogEvent, state: string): void {
    const { lease: id, data } = event;
    const lease = this.leases.get(id ?? '');
    if (state === 'pending' && data.from === undefined) {
      this.requested(event, lease);
    } else if (!lease) {
      this.fault(`lease ${id} is ${state} and was never requested`);
    } else {
      const isGrant = (state === 'acquired' || state === 'active') && lease.state !== 'acquired';
      if (!LEASE[lease.state]?.includes(state)) this.fault(`${id} went from ${lease.state} to ${state}`);
      if (isGrant) this.granted(lease, event);
      if (state === 'pending') this.queue.comesBack(lease.id);
      if (state === 'released' || state === 'broken') this.ended(lease.id, event);
      if (state === 'pending' || state === 'destroyed') leave(lease);
      lease.state = state;
    }
  }

  private requested({ lease: id, consumer, transaction }: LogEvent, known: Lease | undefined): void {
    if (known) this.fault(`lease ${id} was requested twice`);
    if (known || id === null) return;
    this.leases.set(id, { id, state: 'pending', ...(consumer !== null && { consumer }) });
    const account = this.accounts.get(id);
    if (account) this.queue.comes(id, account, transaction);
    else if (consumer !== null) this.fault(`lease ${id} was made for nobody: no caller was answered with it`);
  }

  private granted(lease: Lease, { resource: on, blueprint, data, transaction }: LogEvent): void {
    const { id } = lease;
    const account = this.accounts.get(id);
    const resource = this.resources.get(on ?? '');
    if (account && account.blueprint !== blueprint)
      this.fault(`${id} asked for ${account.blueprint} and was granted ${on} of ${blueprint}`);
    lease.granted = { resource: on, fence: data.fence };
    leave(lease);
    if (account) this.queue.served(id, transaction, { isShared: this.placesOn(on ?? '') > 1 });
    if (!resource) {
      this.fault(`${id} was granted ${on}, which was never built`);
      return;
    }
    if (resource.blueprint !== blueprint)
      this.fault(`${id} was granted ${on} as of ${blueprint}, which is of ${resource.blueprint}`);
    if (resource.state !== 'active') this.fault(`${id} was granted ${on}, which is ${resource.state}`);
    const most = this.placesOn(resource.id);
    if (resource.holders.size >= most)
      this.fault(`${on} was granted to ${id} while held by ${[...resource.holders].join(' and ')}`);
    const fence = data.fence ?? 0;
    if (fence <= resource.fence)
      this.fault(`the fence of ${on} went from ${resource.fence} to ${fence} at ${id}`);
    resource.fence = fence;
    resource.holders.add(id);
    lease.on = resource;
  }

  /** Only as its caller let it end. */
  private ended(id: string, { kind, data: { reason = '' } }: LogEvent): void {
    this.queue.ends(id);
    const account = this.accounts.get(id);
    if (!account) return;
    const { over } = account;
    const may: readonly string[] = over ? ENDINGS[over] : [];
    const how = kind === 'lease.broken' ? `broken: ${reason}` : reason;
    if (!may.includes(how))
      this.fault(`${id} was ${over ?? 'kept'} by its caller, and by the log it was ${how}`);
  }
}

function leave(lease: Lease): void {
  lease.on?.holders.delete(lease.id);
  lease.on = undefined;
}
