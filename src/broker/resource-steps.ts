import type { Logger } from 'pino';
import { BrokerError } from '../domain/errors.js';
import type { Machine } from '../domain/machine.js';
import { refusal } from '../domain/machine-findings.js';
import { reconcileResource } from '../domain/reconcile.js';
import { type Driver, DriverError, type ResourceView } from '../drivers/driver.js';
import type { BlueprintRow, BlueprintStore } from '../store/blueprint.store.js';
import type { ClaimedResource, ClaimStore } from '../store/claim.store.js';
import { isUniqueViolation } from '../store/database.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { LeaseStore } from '../store/lease.store.js';
import type { ResourceChange, ResourceStore } from '../store/resource.store.js';
import type { Allocator } from './allocator.js';
import type { Signals } from './signals.js';
import { within } from './time-limits.js';
import type { Views } from './views.js';

export interface ResourceStepsParts {
  claims: ClaimStore;
  blueprints: BlueprintStore;
  resources: ResourceStore;
  leases: LeaseStore;
  installation: InstallationStore;
  views: Views;
  allocator: Allocator;
  signals: Signals;
  log: Logger;
  processId: string;
  /** The machine that the broker runs on. */
  machine: Machine;
}

/** Carries out the next step of a resource that this process has claimed. */
export class ResourceSteps {
  constructor(private readonly parts: ResourceStepsParts) {}

  async take(resource: ClaimedResource, signal: AbortSignal): Promise<void> {
    const { claims, blueprints, resources, processId } = this.parts;
    const blueprint = await blueprints.get(resource.blueprint);
    if (!blueprint) throw new Error(`Resource ${resource.id} has no blueprint.`);
    const hostLease = resource.type === 'working-copy' ? resource.hostLeaseState : undefined;
    const surplus = blueprint.idleAfterSeconds !== null && (await resources.isSurplus(resource.id));
    const now = new Date(Date.now() + resource.clockAheadMs);
    const step = reconcileResource({ ...resource, hostLease, surplus }, blueprint, now);
    switch (step.kind) {
      case 'rest':
        return claims.rest('resources', resource.id, processId, step.until);
      case 'acquire-host':
        return this.acquireHost(resource);
      case 'build':
        return this.build(resource, blueprint, signal);
      case 'clean':
        return this.clean(resource, blueprint, signal);
      case 'release':
        return this.end(resource, 'released', step.reason);
      case 'break':
        return this.end(resource, 'broken', step.reason);
      case 'destroy':
        return this.destroy(resource, blueprint, signal);
      default:
        return step satisfies never;
    }
  }

  /** Asks for the host lease that the row has named since it was made, so that asking again asks for the same. */
  private async acquireHost(resource: ClaimedResource): Promise<void> {
    const { allocator, claims, processId } = this.parts;
    const pool = { tier: resource.tier, type: 'host' } as const;
    try {
      await allocator.request(pool, {
        id: resource.hostLeaseId as string,
        object: { kind: 'blueprint', name: resource.blueprint },
        forResource: resource.id,
        allowed: null,
        attributes: {},
        priority: 0,
        ttlSeconds: 1,
        env: {},
        note: null,
        by: null,
        warm: resource.builtFor === null,
      });
    } catch (error) {
      // What it was to stand on may not be used any more.
      if (!(error instanceof BrokerError) || error.code === 'unavailable') throw error;
      return this.end(resource, 'broken', error.message);
    }
    await claims.rest('resources', resource.id, processId, null);
  }

  private async build(
    resource: ClaimedResource,
    blueprint: BlueprintRow,
    signal: AbortSignal,
  ): Promise<void> {
    const { blueprints, views, allocator, processId, log, signals } = this.parts;
    const pool = { tier: blueprint.tier, type: resource.type };
    try {
      const { driver, view } = await views.resource(resource);
      const { handle, machine } = await driver.build(view, { signal: within('build', signal) });
      await this.admit(resource, blueprint, machine);
      const verified = await verify(driver, { ...view, handle }, signal);
      await this.save(resource, { state: 'active', handle, verified });
      await blueprints.succeeded(blueprint.name);
    } catch (error) {
      if (signal.aborted) return this.parts.claims.giveBack('resources', resource.id, processId);
      const message = error instanceof Error ? error.message : String(error);
      log.warn(
        { err: error, resource: resource.id, blueprint: blueprint.name },
        'a resource could not be built',
      );
      await blueprints.failed(blueprint.name, message);
      await this.save(resource, { state: 'broken', reason: message });
    }
    signals.send('events', 'due');
    allocator.poke(pool);
  }

  /** The machine is written down before the others are looked at, so that of two built at once at least one sees the other. */
  private async admit(
    resource: ClaimedResource,
    { name, tier, type }: BlueprintRow,
    machine: Machine,
  ): Promise<void> {
    const { resources, installation } = this.parts;
    if (resource.type !== 'host') return;
    try {
      await resources.setMachine(
        resource.id,
        machine,
        type === 'ssh-host' ? (machine.hostKey ?? null) : null,
      );
    } catch (error) {
      if (!isUniqueViolation(error, 'resources_machine')) throw error;
      throw new DriverError(
        'invalid',
        'This machine is a resource already, under another name or blueprint.',
        { cause: error },
      );
    }
    const finding = refusal(
      {
        ...(await installation.isolation()),
        broker: this.parts.machine,
        resources: await resources.liveHosts(),
      },
      { id: resource.id, blueprint: name, tier, type, machine },
    );
    if (finding)
      throw new DriverError(
        'refused',
        `The isolation policy refuses it (${finding.rule}): ${finding.message}`,
      );
  }

  private async clean(
    resource: ClaimedResource,
    blueprint: BlueprintRow,
    signal: AbortSignal,
  ): Promise<void> {
    const { resources, views, allocator, processId, log, signals } = this.parts;
    if (!(await resources.cleaning(resource.id, processId))) return;
    try {
      const { driver, view } = await views.resource(resource);
      await driver.clean(view, { signal: within('clean', signal) });
      await this.save(resource, { hygiene: 'clean' });
    } catch (error) {
      if (signal.aborted) return this.parts.claims.giveBack('resources', resource.id, processId);
      log.warn({ err: error, resource: resource.id }, 'a resource could not be shown to be clean');
      const message = error instanceof Error ? error.message : String(error);
      await this.save(resource, { hygiene: 'quarantined', reason: message });
    }
    signals.send('events', 'due');
    allocator.poke({ tier: blueprint.tier, type: resource.type });
  }

  private async end(resource: ClaimedResource, state: 'released' | 'broken', reason: string): Promise<void> {
    await this.save(resource, { state, reason });
    this.parts.signals.send('events', 'due');
  }

  /** Its leases end first: those not yet active go back to the queue, the others are told that it is lost. */
  private async destroy(
    resource: ClaimedResource,
    blueprint: BlueprintRow,
    signal: AbortSignal,
  ): Promise<void> {
    const { leases, views, allocator, signals } = this.parts;
    const live = await leases.liveOn(resource.id);
    if (live.length > 0) {
      await leases.requeue(live, resource.reason ?? 'resource-lost');
      await leases.end(live, {
        to: 'broken',
        ended: 'resource-lost',
        detail: { message: resource.reason },
        onlyOn: resource.id,
      });
      signals.send('events', 'due', ...live, ...live.map((id) => `over ${id}`));
    }
    const { driver, view } = await views.resource(resource);
    await driver.destroy(view, { signal: within('destroy', signal) });
    await this.save(resource, { state: 'destroyed' });
    allocator.poke({ tier: blueprint.tier, type: resource.type });
    if (resource.hostLeaseId === null) return;
    await leases.end([resource.hostLeaseId], { to: 'released', ended: 'released' });
    allocator.poke({ tier: blueprint.tier, type: 'host' });
    signals.send('events', 'due');
  }

  /** Saves the step unless the resource was taken from it meanwhile; then only the claim is given back. */
  private async save(resource: ClaimedResource, change: ResourceChange): Promise<void> {
    const { resources, claims, processId } = this.parts;
    const saved = await resources.save(resource.id, resource.state, processId, change);
    if (!saved) await claims.rest('resources', resource.id, processId, null);
  }
}

/** The isolation as the engine reports it. A difference from what was asked makes the resource unfit. */
async function verify(
  driver: Driver,
  view: ResourceView,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { facts, differences } = await driver.verify(view, { signal: within('verify', signal) });
  if (differences.length > 0)
    throw new DriverError('refused', `It is not what was asked for: ${differences.join('; ')}`);
  return facts;
}
