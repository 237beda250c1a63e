import type { EdgeState, Edges } from './authorization.js';
import { type Blueprint, hostBlueprintsOf } from './blueprint.js';
import type { LeaseAttributes, LeaseObject } from './lease.js';
import { inFairOrder } from './queue.js';
import { isRetired } from './reconcile.js';

/** A lease that wants a resource of this pool. */
export interface Demand {
  id: string;
  object: LeaseObject;
  /** Blueprints that it may use and its object lists, in the order of preference. */
  allowed: string[];
  attributes: LeaseAttributes;
  priority: number;
  /** First come, first served among equals. */
  seq: number;
}

/** Where a new resource of a blueprint could be built. */
export interface Room {
  slot: number;
  place: string | null;
}

export interface PoolBlueprint extends Blueprint {
  /** Its last builds failed and it is not yet time to try again. */
  failing: boolean;
  room: Room[];
  /** Resources being built for nobody in particular. */
  warming: number;
}

/** An active, clean, uncordoned resource with a place to give. */
export interface Available {
  id: string;
  blueprint: string;
  place: string | null;
  /** Blueprint of the host that a working copy stands on. */
  standsOn: string | null;
  /** Places free on it, lowest first. */
  slots: number[];
  /** Leases on it now; 0 makes it free, more makes it shared. */
  leases: number;
  uses: number;
  lastConsumer: string | null;
  contents: Record<string, string>;
  createdAt: Date;
  lastUsedAt: Date | null;
}

/** A free resource whose end would make room for one of `frees`. */
export interface Reclaimable {
  id: string;
  /** The blueprint at its limit that gets the room: its own, or that of the host it stands on. */
  frees: string;
  idleSince: Date;
  idleAfterSeconds: number | null;
}

/** Just as much of the pool (one tier, one type) as the demand needs. */
export interface Snapshot {
  blueprints: PoolBlueprint[];
  available: Available[];
  reclaimable: Reclaimable[];
  edges: Edges;
  /** Live leases by object, as `kind/name`. */
  live: ReadonlyMap<string, number>;
  /** Leases for which a resource is being built. */
  building: ReadonlySet<string>;
  /** Leases for which a resource is being reclaimed. */
  reclaiming: ReadonlySet<string>;
}

export type WaitReason = 'awaiting-authorization' | 'queued' | 'allocating' | 'reclaiming';
export type RejectCondition = 'not-listed' | 'attributes' | 'declined';

export type Decision =
  | { kind: 'grant' | 'share'; leaseId: string; resourceId: string; blueprint: string; slot: number }
  | { kind: 'build'; leaseId: string | null; blueprint: string; slot: number; place: string | null }
  | { kind: 'reclaim'; leaseId: string; resourceId: string }
  | { kind: 'wait'; leaseId: string; reason: WaitReason; position: number }
  | { kind: 'reject'; leaseId: string; condition: RejectCondition; message: string };

/**
 * Decides for every lease of a pool at once, in the order of the domain's "Allocation": a free resource, one being
 * built, a new one, a shared place, a reclaimed one, else wait. One that can't be served does not block those behind
 * it. Leases are taken in fair order, and every decision sees what those before it took.
 */
export function allocate(demand: readonly Demand[], world: Snapshot, now: Date): Decision[] {
  const pool = new Pool(world, now);
  const decisions: Decision[] = [];
  const queue = inFairOrder(demand, world.live);
  let position = 1;
  for (let next = queue.next(false); !next.done; ) {
    const decision = decide(next.value, pool, position);
    decisions.push(decision);
    const served = decision.kind === 'grant' || decision.kind === 'share';
    if (!served && decision.kind !== 'reject') position += 1;
    next = queue.next(served);
  }
  return [...decisions, ...pool.warmUp()];
}

function decide(lease: Demand, pool: Pool, position: number): Decision {
  const candidates = pool.candidates(lease);
  if ('condition' in candidates) return { kind: 'reject', leaseId: lease.id, ...candidates };
  const { usable, state } = candidates;
  const wait = (reason: WaitReason): Decision => ({ kind: 'wait', leaseId: lease.id, reason, position });
  if (state === 'awaiting') return wait('awaiting-authorization');

  const free = pool.takeFree(lease, usable);
  if (free) return { kind: 'grant', leaseId: lease.id, ...free };
  if (pool.isBuildingFor(lease.id)) return wait('allocating');
  const room = pool.takeRoom(lease, usable);
  if (room) return { kind: 'build', leaseId: lease.id, ...room };
  const shared = pool.takeShared(lease, usable);
  if (shared) return { kind: 'share', leaseId: lease.id, ...shared };
  if (pool.isReclaimingFor(lease.id)) return wait('reclaiming');
  const idle = pool.takeIdle(usable);
  if (idle) return { kind: 'reclaim', leaseId: lease.id, resourceId: idle };
  return wait('queued');
}

type Candidates =
  | { usable: PoolBlueprint[]; state: EdgeState }
  | { condition: RejectCondition; message: string };

interface Taken {
  resourceId: string;
  blueprint: string;
  slot: number;
}

/** What is left of the snapshot as decisions take from it. */
class Pool {
  private readonly blueprints: Map<string, PoolBlueprint>;
  private readonly available: Available[];
  private readonly rooms: Map<string, Room[]>;
  private readonly reclaimable: Reclaimable[];

  constructor(
    private readonly world: Snapshot,
    private readonly now: Date,
  ) {
    this.blueprints = new Map(world.blueprints.map((blueprint) => [blueprint.name, blueprint]));
    this.available = world.available.map((resource) => ({ ...resource, slots: [...resource.slots] }));
    this.rooms = new Map(world.blueprints.map(({ name, room }) => [name, [...room]]));
    this.reclaimable = [...world.reclaimable].sort(
      (a, b) => a.idleSince.getTime() - b.idleSince.getTime() || (a.id < b.id ? -1 : 1),
    );
  }

  /** Blueprints that may serve the lease now; or why they must be waited for; or why none ever will. */
  candidates({ object, allowed, attributes }: Demand): Candidates {
    const listed = allowed.map((name) => this.blueprints.get(name)).filter((found) => found !== undefined);
    if (listed.length === 0) {
      return {
        condition: 'not-listed',
        message: 'No blueprint that the request allows is listed by its consumer and of its tier and type.',
      };
    }
    const able = listed.filter((blueprint) => satisfies(blueprint, attributes));
    if (able.length === 0) {
      const names = listed.map(({ name }) => name).join(', ');
      return {
        condition: 'attributes',
        message: `No blueprint satisfies the attributes; looked at ${names}.`,
      };
    }
    const states = able.map((blueprint) => ({
      blueprint,
      state: this.world.edges.chain(object, blueprint.name, hostBlueprintsOf(blueprint)),
    }));
    const usable = states.filter(({ state }) => state === 'usable').map(({ blueprint }) => blueprint);
    if (usable.length > 0) return { usable: usable.filter(({ enabled }) => enabled), state: 'usable' };
    if (states.some(({ state }) => state === 'awaiting')) return { usable: [], state: 'awaiting' };
    const names = able.map(({ name }) => name).join(', ');
    return {
      condition: 'declined',
      message: `The authorization was declined or revoked for ${names}, or for what they stand on.`,
    };
  }

  isBuildingFor(leaseId: string): boolean {
    return this.world.building.has(leaseId);
  }

  isReclaimingFor(leaseId: string): boolean {
    return this.world.reclaiming.has(leaseId);
  }

  takeFree(lease: Demand, usable: PoolBlueprint[]): Taken | undefined {
    return this.take(lease, usable, (resource) => resource.leases === 0);
  }

  takeShared(lease: Demand, usable: PoolBlueprint[]): Taken | undefined {
    return this.take(lease, usable, (resource) => resource.leases > 0);
  }

  takeRoom({ attributes }: Demand, usable: PoolBlueprint[]): (Room & { blueprint: string }) | undefined {
    for (const { name, failing } of usable) {
      const rooms = this.rooms.get(name) ?? [];
      const index = failing ? -1 : rooms.findIndex(({ place }) => standsAt(place, attributes));
      const [room] = index < 0 ? [] : rooms.splice(index, 1);
      if (room) return { blueprint: name, ...room };
    }
    return undefined;
  }

  takeIdle(usable: PoolBlueprint[]): string | undefined {
    const names = new Set(usable.filter(({ failing }) => !failing).map(({ name }) => name));
    const index = this.reclaimable.findIndex(
      ({ frees, idleSince, idleAfterSeconds }) =>
        names.has(frees) && this.now.getTime() - idleSince.getTime() >= (idleAfterSeconds ?? 0) * 1000,
    );
    return index < 0 ? undefined : this.reclaimable.splice(index, 1)[0]?.id;
  }

  /** Builds for nobody yet, so that the next grants find something warm. */
  warmUp(): Decision[] {
    return this.world.blueprints.flatMap(({ name, enabled, failing, warm, warming }) => {
      if (!enabled || failing) return [];
      const free = this.available.filter(
        ({ blueprint, leases }) => blueprint === name && leases === 0,
      ).length;
      const missing = Math.max(0, warm - free - warming);
      const rooms = this.rooms.get(name)?.splice(0, missing) ?? [];
      return rooms.map((room): Decision => ({ kind: 'build', leaseId: null, blueprint: name, ...room }));
    });
  }

  private take(
    lease: Demand,
    usable: PoolBlueprint[],
    wanted: (resource: Available) => boolean,
  ): Taken | undefined {
    const blueprints = new Map(usable.map((blueprint) => [blueprint.name, blueprint]));
    let best: Available | undefined;
    for (const resource of this.available) {
      const blueprint = blueprints.get(resource.blueprint);
      if (!blueprint || !wanted(resource) || !this.fits(resource, blueprint, lease)) continue;
      if (!best || isBetter(resource, best, lease)) best = resource;
    }
    if (!best) return undefined;
    const slot = best.slots.shift() as number;
    best.leases += 1;
    best.uses += 1;
    best.lastConsumer = lease.object.name;
    const gone = this.reclaimable.findIndex(({ id }) => id === best.id);
    if (gone >= 0) this.reclaimable.splice(gone, 1);
    return { resourceId: best.id, blueprint: best.blueprint, slot };
  }

  private fits(resource: Available, blueprint: PoolBlueprint, { object, attributes }: Demand): boolean {
    const inScope =
      blueprint.reuse === 'tier' ||
      resource.uses === 0 ||
      (blueprint.reuse === 'consumer' && resource.lastConsumer === object.name);
    const chained =
      resource.standsOn === null ||
      this.world.edges.state({ kind: 'blueprint', name: blueprint.name }, resource.standsOn) === 'usable';
    return (
      resource.slots.length > 0 &&
      inScope &&
      chained &&
      standsAt(resource.place, attributes) &&
      !isRetired(resource, blueprint, this.now)
    );
  }
}

/** Hosts must have each value asked for, `place` apart, which each resource has for itself; any working copy can hold any repository. */
function satisfies({ type, spec }: PoolBlueprint, attributes: LeaseAttributes): boolean {
  if (type === 'working-copy') return true;
  return Object.entries(attributes).every(([name, value]) =>
    name === 'place' ? placesOf(spec).includes(value) : spec[name] === value,
  );
}

function placesOf(spec: Record<string, unknown>): unknown[] {
  return Array.isArray(spec.hosts) ? spec.hosts.map((host: { name?: unknown }) => host.name) : [];
}

function standsAt(place: string | null, { place: wanted }: LeaseAttributes): boolean {
  return wanted === undefined || place === wanted;
}

/** Same consumer before same repositories before the most lately used, which is the warmest; the id settles the rest. */
function isBetter(a: Available, b: Available, lease: Demand): boolean {
  const rank = (resource: Available) => [
    resource.lastConsumer === lease.object.name ? 1 : 0,
    repositoriesHeld(resource, lease.attributes),
    resource.lastUsedAt?.getTime() ?? 0,
  ];
  const [first, second] = [rank(a), rank(b)];
  const difference = first.findIndex((value, index) => value !== second[index]);
  if (difference >= 0) return (first[difference] as number) > (second[difference] as number);
  return a.id < b.id;
}

function repositoriesHeld({ contents }: Available, { repositories = {} }: LeaseAttributes): number {
  return Object.entries(repositories).filter(([directory, { uri }]) => contents[directory] === uri).length;
}
