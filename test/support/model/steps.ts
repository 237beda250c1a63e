import { refusal } from '../../../src/domain/machine-findings.js';
import {
  type LeaseStep,
  type ResourceStep,
  reconcileLease,
  reconcileResource,
} from '../../../src/domain/reconcile.js';
import { HYGIENE, LEASE, move, RESOURCE } from '../../../src/domain/state-machine.js';
import { breakLease, endResource, releaseLease } from './endings.js';
import { BROKER, type ModelLease, type ModelResource, type World } from './world.js';

type Work =
  | { subject: 'lease'; lease: ModelLease; step: LeaseStep }
  | { subject: 'resource'; resource: ModelResource; step: ResourceStep };

/** A driver's step that was begun: what it did is really there; whether the broker learns of it is another matter. */
export interface Begun {
  id: string;
  finish(success: boolean): void;
}

/** Every step that is due and not being taken, in the order of the rows. */
export function due(world: World, busy: ReadonlySet<string>): Work[] {
  const leases = world.leases.map((lease): Work => {
    return { subject: 'lease', lease, step: reconcileLease(lease, world.now) };
  });
  const resources = world.resources.map((resource): Work => {
    return { subject: 'resource', resource, step: nextOf(world, resource) };
  });
  return [...leases, ...resources].filter(
    (work) =>
      work.step.kind !== 'rest' && !busy.has(work.subject === 'lease' ? work.lease.id : work.resource.id),
  );
}

function nextOf(world: World, resource: ModelResource): ResourceStep {
  const { type, hostLeaseId, blueprint } = resource;
  const declared = world.blueprint(blueprint);
  const free = world
    .liveOf(blueprint)
    .filter((one) => one.state === 'active' && one.hygiene === 'clean' && world.holding(one).length === 0);
  const subject = {
    ...resource,
    leases: world.holding(resource).length,
    hostLease: type === 'host' ? undefined : (world.lease(hostLeaseId)?.state ?? null),
    surplus: free.length > declared.warm,
    excess: false,
  };
  return reconcileResource(subject, declared, world.now);
}

/** Takes a step that is the broker's alone at once; begins a driver's, and returns how it ends. */
export function begin(world: World, work: Work): Begun | undefined {
  return work.subject === 'lease'
    ? beginLease(world, work.lease, work.step)
    : beginResource(world, work.resource, work.step);
}

function beginLease(world: World, lease: ModelLease, step: LeaseStep): Begun | undefined {
  const { id, fence, state, resourceId } = lease;
  const saved = () => lease.state === state && lease.fence === fence;
  switch (step.kind) {
    case 'rest':
    case 'end-commands':
      return undefined;
    case 'end':
      return releaseLease(lease, step.ended);
    case 'destroy':
      return destroyLease(world, lease);
    case 'cut':
      world.reality.cut(resourceId as string, id);
      return { id, finish: (success) => void (success && saved() && destroyLease(world, lease)) };
    case 'activate':
      // A checkout writes before any command does, so that one which is cut short leaves the copy dirty too.
      lease.used = true;
      world.reality.use(resourceId as string, id, lease.object.name);
      return { id, finish: (success) => void (saved() && activated(world, lease, success)) };
    default:
      return step satisfies never;
  }
}

function activated(world: World, lease: ModelLease, success: boolean): void {
  if (success) world.activate(lease);
  else breakLease(lease, 'activation-failed');
}

function destroyLease(world: World, lease: ModelLease): undefined {
  lease.state = move(LEASE, lease.state, 'destroyed');
  const resource = world.resource(lease.resourceId);
  if (!resource) return;
  resource.used ||= lease.used;
  resource.lastUsedAt = world.now;
  if (resource.used && resource.state === 'active' && world.holding(resource).length === 0) {
    resource.hygiene = move(HYGIENE, resource.hygiene, 'dirty');
    resource.used = false;
  }
}

function beginResource(world: World, resource: ModelResource, step: ResourceStep): Begun | undefined {
  const { id, state, tier } = resource;
  switch (step.kind) {
    case 'rest':
      return undefined;
    case 'acquire-host':
      return acquireHost(world, resource);
    case 'release':
      return endResource(world, resource, 'released');
    case 'break':
      return endResource(world, resource, 'broken');
    case 'build': {
      const host = world.lease(resource.hostLeaseId);
      world.reality.build(id, world.machineOf(resource.blueprint));
      if (host) {
        host.used = true;
        world.reality.use(host.resourceId as string, host.id, tier);
      }
      return { id, finish: (success) => void (resource.state === state && built(world, resource, success)) };
    }
    case 'clean':
      if (resource.hygiene === 'dirty') resource.hygiene = move(HYGIENE, resource.hygiene, 'cleaning');
      return {
        id,
        finish: (success) => void (resource.state === state && cleaned(world, resource, success)),
      };
    case 'destroy':
      world.reality.destroy(id);
      return {
        id,
        finish: (success) => {
          if (success && resource.state === state) resource.state = move(RESOURCE, state, 'destroyed');
        },
      };
    case 'let-go':
      return releaseLease(world.lease(resource.hostLeaseId) as ModelLease, 'released');
    default:
      return step satisfies never;
  }
}

function acquireHost(world: World, resource: ModelResource): undefined {
  const { id, tier, blueprint, builtFor } = resource;
  resource.hostLeaseId = world.request({
    object: { kind: 'blueprint', name: blueprint },
    forResource: id,
    tier,
    type: 'host',
    allowed: null,
    priority: world.lease(builtFor)?.priority ?? 0,
  }).id;
}

function built(world: World, resource: ModelResource, success: boolean): void {
  const blueprint = world.blueprint(resource.blueprint);
  const host = { ...resource, type: blueprint.type, machine: world.machineOf(blueprint.name) };
  const others = world.resources
    .filter(({ state, type }) => state === 'active' && type === 'host')
    .map((one) => ({
      ...one,
      type: world.blueprint(one.blueprint).type,
      machine: world.machineOf(one.blueprint),
    }));
  const refused =
    resource.type === 'host' && refusal({ ...world.isolation, broker: BROKER, resources: others }, host);
  if (!success || refused) {
    blueprint.failures += 1;
    blueprint.retryAt = new Date(world.now.getTime() + 300_000);
    endResource(world, resource, 'broken');
    return;
  }
  blueprint.failures = 0;
  resource.state = move(RESOURCE, resource.state, 'active');
  resource.activeAt = world.now;
}

function cleaned(world: World, resource: ModelResource, success: boolean): void {
  if (success) world.reality.clean(resource.id);
  resource.hygiene = move(HYGIENE, resource.hygiene, success ? 'clean' : 'quarantined');
}
