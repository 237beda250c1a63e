import { allocate, type Decision } from '../../../src/domain/allocate.js';
import { Edges, edgeState } from '../../../src/domain/authorization.js';
import { PROVIDES, type ResourceType } from '../../../src/domain/blueprint.js';
import type { EndedReason } from '../../../src/domain/lease.js';
import { objectKey } from '../../../src/domain/queue.js';
import type {
  Available,
  Demand,
  PoolBlueprint,
  Reclaimable,
  Snapshot,
} from '../../../src/domain/snapshot.js';
import { LEASE, move, RESOURCE } from '../../../src/domain/state-machine.js';
import { type Decided, witness } from './invariants.js';
import type { ModelBlueprint, ModelLease, ModelResource, World } from './world.js';

/** One turn of a pool, as the allocator does it: snapshot, decide, apply. */
export function turn(world: World, tier: string, type: ResourceType): void {
  const waiting = world.leases.filter(
    (lease) => lease.state === 'pending' && lease.tier === tier && lease.type === type,
  );
  const decisions = allocate(
    waiting.map((lease) => demandOf(world, lease)),
    snapshotOf(world, tier, type),
    world.now,
  );
  witness.turn(world, waiting, decisions);
  for (const decision of decisions) apply(world, decision);
}

function demandOf(world: World, lease: ModelLease): Demand {
  const { id, object, allowed, priority, seq, createdAt } = lease;
  const listed = world.listedBy(object);
  const usable = allowed ? allowed.filter((name) => listed.includes(name)) : listed;
  return {
    id,
    object,
    allowed: usable,
    attributes: {},
    priority,
    seq,
    createdAt,
    servedAt: world.servedAt(lease),
    likeServedAt: world.likeServedAt(lease, usable),
    warm: isForWarmPool(world, lease),
  };
}

function isForWarmPool(world: World, { forResource, tier }: ModelLease): boolean {
  const carried = world.resource(forResource);
  if (!carried || isAwaited(world, carried)) return false;
  return !world.leases.some(
    ({ state, waiting, ...one }) =>
      state === 'pending' &&
      one.tier === tier &&
      one.type === carried.type &&
      waiting !== 'awaiting-authorization',
  );
}

function isAwaited(world: World, { builtFor }: ModelResource): boolean {
  const lease = world.lease(builtFor);
  return lease?.state === 'pending' && lease.waiting === 'allocating';
}

function snapshotOf(world: World, tier: string, type: ResourceType): Snapshot {
  const pool = [...world.blueprints.values()].filter(
    (blueprint) => blueprint.tier === tier && PROVIDES[blueprint.type] === type,
  );
  const live = new Map<string, number>();
  for (const { state, object } of world.leases) {
    if (state === 'acquired' || state === 'active') {
      live.set(objectKey(object), (live.get(objectKey(object)) ?? 0) + 1);
    }
  }
  return {
    blueprints: pool.map((blueprint) => pooled(world, blueprint)),
    available: pool.flatMap(({ name }) => availableOf(world, name)),
    reclaimable: pool.flatMap((blueprint) => reclaimableFor(world, blueprint)),
    edges: new Edges(world.edges.map((edge) => ({ ...edge, state: edgeState(edge, world.now) }))),
    live,
    building: leasesNamed(
      world.resources.filter(({ state }) => state === 'pending').map(({ builtFor }) => builtFor),
    ),
    reclaiming: new Set(world.leases.map(({ id }) => id).filter((id) => world.isReclaimingFor(id))),
  };
}

function leasesNamed(ids: (string | null)[]): ReadonlySet<string> {
  return new Set(ids.filter((id) => id !== null));
}

function pooled(world: World, blueprint: ModelBlueprint): PoolBlueprint {
  const { failures, retryAt, name } = blueprint;
  return {
    ...blueprint,
    failing: failures >= 3 && retryAt > world.now,
    room: { slots: roomOf(world, blueprint), places: null },
    exceeded: false,
    wanted: true,
    warming: world.liveOf(name).filter((one) => one.state === 'pending' && !isAwaited(world, one)).length,
  };
}

function roomOf(world: World, { name, limits }: ModelBlueprint): number[] {
  const taken = new Set(world.liveOf(name).map(({ slot }) => slot));
  return numbers(limits.resources).filter((slot) => !taken.has(slot));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function availableOf(world: World, name: string): Available[] {
  return world
    .liveOf(name)
    .filter(({ state, hygiene, cordoned }) => state === 'active' && hygiene === 'clean' && !cordoned)
    .filter(({ type, hostLeaseId }) => type === 'host' || world.lease(hostLeaseId)?.state === 'active')
    .map((resource) => {
      const taken = new Set(world.holding(resource).map(({ slot }) => slot));
      const places = numbers(world.blueprint(name).limits.leasesPerResource);
      return {
        ...resource,
        place: null,
        contents: {},
        standsOn: world.lease(resource.hostLeaseId)?.blueprint ?? null,
        slots: places.filter((slot) => !taken.has(slot)),
        leases: taken.size,
      };
    });
}

/** Idle ones of a blueprint at its limit, and idle copies on hosts of one. */
function reclaimableFor(world: World, blueprint: ModelBlueprint): Reclaimable[] {
  if (roomOf(world, blueprint).length > 0) return [];
  return world.resources
    .filter(({ state, hygiene }) => state === 'active' && hygiene === 'clean')
    .filter(
      (resource) =>
        world.holding(resource).length === 0 && !(resource.uses === 0 && isAwaited(world, resource)),
    )
    .filter(
      (resource) =>
        resource.blueprint === blueprint.name ||
        world.lease(resource.hostLeaseId)?.blueprint === blueprint.name,
    )
    .map((resource) => ({
      id: resource.id,
      blueprint: resource.blueprint,
      frees: blueprint.name,
      place: null,
      idleSince: resource.lastUsedAt ?? resource.activeAt ?? resource.createdAt,
      idleAfterSeconds: world.blueprint(resource.blueprint).idleAfterSeconds,
    }));
}

const REJECTED: Record<string, EndedReason> = { declined: 'revoked' };

function apply(world: World, decision: Decision): void {
  switch (decision.kind) {
    case 'grant':
    case 'share':
      grant(world, decision);
      return;
    case 'build':
      witness.build(world, decision);
      world.build(decision.blueprint, decision.slot, decision.leaseId);
      if (decision.leaseId) (world.lease(decision.leaseId) as ModelLease).waiting = 'allocating';
      return;
    case 'reclaim': {
      const resource = world.resource(decision.resourceId) as ModelResource;
      witness.reclaim(world, resource, decision.leaseId);
      resource.state = move(RESOURCE, resource.state, 'released');
      resource.reclaimedFor = decision.leaseId;
      return;
    }
    case 'wait':
      (world.lease(decision.leaseId) as ModelLease).waiting = decision.reason;
      return;
    case 'reject': {
      const lease = world.lease(decision.leaseId) as ModelLease;
      lease.state = move(LEASE, lease.state, 'broken');
      lease.ended = REJECTED[decision.condition] ?? 'cancelled';
      return;
    }
    default:
      decision satisfies never;
  }
}

function grant(world: World, { leaseId, resourceId, blueprint, slot }: Decided<'grant' | 'share'>): void {
  const lease = world.lease(leaseId) as ModelLease;
  const resource = world.resource(resourceId) as ModelResource;
  witness.grant(world, lease, resource);
  resource.uses += 1;
  resource.fence += 1;
  resource.lastConsumer = objectKey(lease.object);
  resource.lastUsedAt = world.now;
  resource.holders.push(objectKey(lease.object));
  world.serve(lease);
  Object.assign(lease, { resourceId, blueprint, slot, fence: resource.fence, waiting: null });
  // A host that is ready is active at once; a working copy is checked out first.
  if (resource.type === 'host') world.activate(lease);
  else lease.state = move(LEASE, lease.state, 'acquired');
}
