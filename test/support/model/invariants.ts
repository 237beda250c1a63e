import type { Decision } from '../../../src/domain/allocate.js';
import { hostBlueprintsOf } from '../../../src/domain/blueprint.js';
import type { LeaseObject } from '../../../src/domain/lease.js';
import { objectKey } from '../../../src/domain/queue.js';
import type { ModelLease, ModelResource, World } from './world.js';

export type Decided<K extends Decision['kind']> = Extract<Decision, { kind: K }>;

/** What must hold when something is handed out, built or reclaimed; numbers are those of the domain's invariants. */
export const witness = { turn, grant, build, reclaim };

/** What must hold after every step, whatever it was. */
export function assertInvariants(world: World): void {
  for (const resource of world.resources) assertResource(world, resource);
  for (const { name, limits } of world.blueprints.values()) {
    const live = world.liveOf(name);
    must(live.length <= limits.resources, `10: ${name} is past its limit`);
    must(areUnique(live.map(({ slot }) => slot)), `10: two resources in one place of ${name}`);
  }
  for (const { state, object, blueprint } of world.edges) {
    const within = world.tierOf(object) === world.blueprint(blueprint).tier;
    must(state !== 'authorized' || within, `6: ${object.name} is approved across tiers for ${blueprint}`);
  }
  if (world.setup.policy !== 'low') assertOneTierAMachine(world);
  for (const id of world.reality.things.keys()) {
    must(world.resource(id)?.state !== 'destroyed', `11: ${id} is destroyed and still there`);
  }
}

/** What must hold when there is nothing more to do: all that is over is gone, all that stands is fit. */
export function assertAtRest(world: World): void {
  for (const { id, state, expiresAt } of world.leases) {
    must(['pending', 'active', 'destroyed'].includes(state), `${id} is left ${state}`);
    must(state !== 'active' || expiresAt === null || expiresAt > world.now, `${id} outlives its time`);
  }
  for (const resource of world.resources) {
    const { id, state, type, hygiene, hostLeaseId, uses } = resource;
    must(state !== 'released' && state !== 'broken', `${id} is left ${state}`);
    if (state !== 'active') continue;
    must(type === 'host' || world.lease(hostLeaseId)?.state === 'active', `${id} has no host`);
    if (world.holding(resource).length > 0) continue;
    must(hygiene === 'clean', `${id} is left ${hygiene}`);
    must(uses === 0 || world.blueprint(resource.blueprint).reuse !== 'none', `${id} is left used`);
  }
}

function assertOneTierAMachine(world: World): void {
  const tiers = new Map<string | undefined, string>();
  for (const { id, tier, state, type } of world.resources) {
    if (state !== 'active' || type !== 'host') continue;
    const bootId = world.reality.things.get(id)?.machine.bootId;
    must((tiers.get(bootId) ?? tier) === tier, `3: machine ${bootId} of ${id} is in two tiers`);
    tiers.set(bootId, tier);
  }
}

function assertResource(world: World, resource: ModelResource): void {
  const { id, tier, type, blueprint, hostLeaseId } = resource;
  const declared = world.blueprint(blueprint);
  must(tier === declared.tier && blueprint.startsWith(tier), `1: ${id} left its tier`);
  const holding = world.holding(resource);
  must(
    holding.every((lease) => lease.tier === tier),
    `2: ${id} is held across tiers`,
  );
  must(holding.length <= declared.limits.leasesPerResource, `10: ${id} is past its limit`);
  must(areUnique(holding.map(({ slot }) => slot)), `10: two leases in one place of ${id}`);
  must(areUnique(holding.map(({ fence }) => fence)), `two leases of ${id} have one fence`);
  const host = type === 'host' ? undefined : world.resource(world.lease(hostLeaseId)?.resourceId ?? null);
  must(!host || (host.tier === tier && host.type === 'host'), `4: ${id} stands on a host of another tier`);
}

function grant(world: World, lease: ModelLease, resource: ModelResource): void {
  const { id, hostLeaseId, holders } = resource;
  const key = objectKey(lease.object);
  const blueprint = world.blueprint(resource.blueprint);
  must(lease.tier === resource.tier, `2: ${lease.id} gets ${id} across tiers`);
  must(blueprint.reuse !== 'none' || holders.length === 0, `2: single-use ${id} is handed out again`);
  must(
    blueprint.reuse !== 'consumer' || holders.every((holder) => holder === key),
    `2: ${id} goes from ${holders} to ${key}`,
  );
  must(
    resource.state === 'active' && !resource.cordoned && blueprint.enabled,
    `${id} is not to be handed out`,
  );
  must(blueprint.maxUses === null || holders.length < blueprint.maxUses, `${id} is past its uses`);
  const thing = world.reality.things.get(id);
  must(thing !== undefined, `11: ${id} is not there`);
  const others = world.holding(resource);
  must(others.length > 0 || thing?.dirt.size === 0, `12: ${id} is handed out dirty`);
  must(others.length > 0 || thing?.access.size === 0, `10: an earlier holder can still act on ${id}`);
  const standsOn = world.lease(hostLeaseId)?.blueprint;
  assertAuthorized(world, lease.object, resource.blueprint, standsOn ? [standsOn] : []);
}

function build(world: World, { leaseId, blueprint }: Decided<'build'>): void {
  const declared = world.blueprint(blueprint);
  must(declared.enabled, `${blueprint} is disabled and builds`);
  const hosts = hostBlueprintsOf(declared);
  const lease = world.lease(leaseId);
  must((leaseId === null) === !lease, `${leaseId} is nobody`);
  if (lease) {
    must(lease.tier === declared.tier, `2: ${lease.id} builds across tiers`);
    must(
      !world.resources.some(({ state, builtFor }) => state === 'pending' && builtFor === leaseId),
      'built twice',
    );
    assertAuthorized(world, lease.object, blueprint, hosts);
  }
  must(isBeneath(world, blueprint, hosts), `5: ${blueprint} builds on what it may not use`);
}

function reclaim(world: World, resource: ModelResource, leaseId: string): void {
  must(world.holding(resource).length === 0, `${resource.id} is reclaimed under a lease`);
  const { idleAfterSeconds } = world.blueprint(resource.blueprint);
  const idleSince = resource.lastUsedAt ?? resource.activeAt ?? resource.createdAt;
  const idleMs = world.now.getTime() - idleSince.getTime();
  must(idleMs >= (idleAfterSeconds ?? 0) * 1000, `${resource.id} was just used and is reclaimed`);
  must(!world.isReclaimingFor(leaseId), `two are reclaimed for ${leaseId}`);
}

/** Each lease that waits is decided once; nobody is overtaken by a later equal; nothing goes to two. */
function turn(world: World, waiting: readonly ModelLease[], decisions: readonly Decision[]): void {
  const decided = decisions.map(({ leaseId }) => leaseId).filter((id) => id !== null);
  must(areUnique(decided), 'a lease is decided twice');
  must(decided.length === waiting.length, 'a lease is not decided');
  const places = decisions.flatMap((one) => (one.kind === 'grant' || one.kind === 'share' ? [one] : []));
  must(
    areUnique(places.map(({ resourceId, slot }) => `${resourceId}/${slot}`)),
    '10: a place is given twice',
  );
  for (const { leaseId, kind } of places) {
    if (kind === 'share') continue;
    const later = world.lease(leaseId) as ModelLease;
    const overtaken = decisions.find(
      (other) => other.kind === 'wait' && isBefore(world.lease(other.leaseId) as ModelLease, later),
    );
    must(!overtaken, `${leaseId} overtakes ${overtaken?.leaseId}`);
  }
}

function isBefore(a: ModelLease, b: ModelLease): boolean {
  const equals =
    a.forResource === b.forResource &&
    objectKey(a.object) === objectKey(b.object) &&
    `${a.allowed}` === `${b.allowed}`;
  return equals && a.priority === b.priority && a.seq < b.seq;
}

/** 5, 7 and 9: every edge of the chain is approved, for the blueprint as it is now. */
function assertAuthorized(world: World, object: LeaseObject, blueprint: string, hosts: string[]): void {
  must(isApproved(world, object, blueprint), `5: ${objectKey(object)} may not use ${blueprint}`);
  must(isBeneath(world, blueprint, hosts), `5: ${blueprint} may not use ${hosts}`);
}

function isBeneath(world: World, name: string, hosts: string[]): boolean {
  return hosts.length === 0 || hosts.some((host) => isApproved(world, { kind: 'blueprint', name }, host));
}

function isApproved(world: World, object: LeaseObject, blueprint: string): boolean {
  const edge = world.edge(object, blueprint);
  if (edge?.objectState !== 'active' || edge.state !== 'authorized') return false;
  const lasts = edge.expiresAt === null || edge.expiresAt.getTime() > world.now.getTime();
  return lasts && edge.approvedVersion === world.blueprint(blueprint).version;
}

function areUnique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

export function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
