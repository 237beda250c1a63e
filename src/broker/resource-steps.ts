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
import type { Losses } from './losses.js';
import type { Signals } from './signals.js';
import { GivenUp, within } from './time-limits.js';
import type { Views } from './views.js';
import { isUnavailable } from './when-available.js';

export interface ResourceStepsParts {
  claims: ClaimStore;
  blueprints: BlueprintStore;
  resources: ResourceStore;
  leases: LeaseStore;
  installation: InstallationStore;
  views: Views;
  allocator: Allocator;
  losses: Losses;
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
    const { claims, blueprints, resources, allocator, processId } = this.parts;
    const blueprint = await blueprints.get(resource.blueprint);
    if (!blueprint) throw new Error(`Resource ${resource.id} has no blueprint.`);
    const hostLease = resource.type === 'working-copy' ? resource.hostLeaseState : undefined;
    const surplus = blueprint.idleAfterSeconds !== null && (await resources.isSurplus(resource.id));
    const isPast = blueprint.live > blueprint.limits.resources;
    const excess = isPast && (await resources.isExcess(resource.id));
    const now = new Date(Date.now() + resource.clockAheadMs);
    const step = reconcileResource({ ...resource, hostLease, surplus, excess }, blueprint, now);
    switch (step.kind) {
      case 'rest':
        await claims.rest('resources', resource.id, processId, step.until);
        if (step.spare) allocator.poke({ tier: blueprint.tier, type: resource.type });
        return;
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
        return this.destroy(resource, signal);
      case 'let-go':
        return this.letGo(resource);
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
        sealedEnv: null,
        note: null,
        by: null,
        warm: resource.builtFor === null,
      });
    } catch (error) {
      // What it was to stand on may not be used any more.
      if (!(error instanceof BrokerError) || isUnavailable(error)) throw error;
      return this.end(resource, 'broken', error.message);
    }
    await claims.rest('resources', resource.id, processId, null);
  }

  private async build(
    resource: ClaimedResource,
    blueprint: BlueprintRow,
    signal: AbortSignal,
  ): Promise<void> {
    const { claims, blueprints, views, losses, allocator, processId, log, signals } = this.parts;
    const pool = { tier: blueprint.tier, type: resource.type };
    const { driver, view } = await views.resource(resource);
    try {
      const { handle, machine } = await within('build', signal, (call) => driver.build(view, call));
      await this.admit(resource, blueprint, machine);
      const verified = await verify(driver, { ...view, handle }, signal);
      // Before it is there to be given, so that it does not pass for silent.
      const answered = await blueprints.succeeded(blueprint.name, resource.place);
      if (!(await this.save(resource, { state: 'active', handle, verified }))) await this.discard(resource);
      if (answered) allocator.poke({ tier: blueprint.tier, type: 'working-copy' });
    } catch (error) {
      if (error instanceof GivenUp) void error.ended.then(() => this.discard(resource));
      else if (signal.aborted || isUnavailable(error)) void this.discard(resource);
      if (signal.aborted) return claims.giveBack('resources', resource.id, processId);
      if (isUnavailable(error)) throw error;
      // The blueprint is not to blame where what it builds on, or what it had built, was taken away meanwhile.
      if (await losses.met(error, view)) return claims.rest('resources', resource.id, processId, null);
      const message = error instanceof Error ? error.message : String(error);
      log.warn(
        { err: error, resource: resource.id, blueprint: blueprint.name },
        'a resource could not be built',
      );
      await blueprints.failed(blueprint.name, resource.id, message);
      if (leftNothing(error, resource)) await this.gone(resource, message);
      else await this.save(resource, { state: 'broken', reason: message });
    }
    signals.send('events', 'due');
    allocator.poke(pool);
  }

  /**
   * Takes away what a build made after its resource had come to its end: the build was given up, or this process slept
   * while another went on. A resource that lives is left to whoever builds it now. Who is not taken for living yet tries
   * again when they are.
   */
  private async discard(resource: ClaimedResource): Promise<void> {
    const { resources, views, signals, log } = this.parts;
    const { id } = resource;
    try {
      const row = await resources.get(id);
      if (!row || row.state === 'pending' || row.state === 'active') return;
      const { driver, view } = await views.resource(row);
      await within('destroy', new AbortController().signal, (call) => driver.destroy(view, call));
    } catch (error) {
      if (isUnavailable(error)) {
        const stopListening = signals.on('beat', () => {
          stopListening();
          void this.discard(resource);
        });
        return;
      }
      log.warn({ err: error, resource: id }, 'what was built too late could not be taken away');
    }
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
    const { claims, resources, views, losses, allocator, processId, log, signals } = this.parts;
    if (!(await resources.cleaning(resource.id, processId))) return;
    const { driver, view } = await views.resource(resource);
    try {
      await within('clean', signal, (call) => driver.clean(view, call));
      await this.save(resource, { hygiene: 'clean' });
    } catch (error) {
      if (signal.aborted) return claims.giveBack('resources', resource.id, processId);
      if (isUnavailable(error)) throw error;
      if (await losses.met(error, view)) return claims.rest('resources', resource.id, processId, null);
      log.warn({ err: error, resource: resource.id }, 'a resource could not be shown to be clean');
      const message = error instanceof Error ? error.message : String(error);
      await this.save(resource, { hygiene: 'quarantined', reason: message });
    }
    signals.send('events', 'due');
    allocator.poke({ tier: blueprint.tier, type: resource.type });
  }

  private async end(resource: ClaimedResource, state: 'released' | 'broken', reason: string): Promise<void> {
    const { tier, type } = resource;
    await this.save(resource, { state, reason });
    this.parts.signals.send('events', 'due');
    // What stays is given again as soon as it is no more than may be.
    if (reason === 'excess') this.parts.allocator.poke({ tier, type });
  }

  /** Its leases end first: those not yet active go back to the queue, the others are told that it is lost. */
  private async destroy(resource: ClaimedResource, signal: AbortSignal): Promise<void> {
    const { views, losses, allocator } = this.parts;
    const { id, tier, type, reason } = resource;
    if (await losses.endLeases(id, reason ?? 'resource-lost')) allocator.poke({ tier, type });
    const { driver, view, isGone } = await views.resource(resource);
    if (!isGone) await within('destroy', signal, (call) => driver.destroy(view, call));
    await this.gone(resource);
  }

  /** Nothing is left of it, and its slot is free. */
  private async gone(resource: ClaimedResource, reason?: string): Promise<void> {
    const { tier, type } = resource;
    if (await this.save(resource, { state: 'destroyed', reason })) this.parts.allocator.poke({ tier, type });
  }

  private async letGo({ id, tier, hostLeaseId }: ClaimedResource): Promise<void> {
    const { leases, claims, allocator, signals, processId } = this.parts;
    await leases.end([hostLeaseId as string], { to: 'released', ended: 'released' });
    await claims.rest('resources', id, processId, null);
    allocator.poke({ tier, type: 'host' });
    signals.send('events', 'due');
  }

  /** Saves the step unless the resource was taken from it meanwhile; then only the claim is given back. Says whether it did. */
  private async save(resource: ClaimedResource, change: ResourceChange): Promise<boolean> {
    const { resources, claims, processId } = this.parts;
    const saved = await resources.save(resource.id, resource.state, processId, change);
    if (!saved) await claims.rest('resources', resource.id, processId, null);
    return saved;
  }
}

/**
 * Whether a build that failed left nothing that had to be destroyed first, which may take for ever where the address was
 * wrong: nobody can have begun it before, and this time it came to nothing.
 */
function leftNothing(error: unknown, { claims }: ClaimedResource): boolean {
  return error instanceof DriverError && error.madeNothing && claims === 1;
}

/** The isolation as the engine reports it. A difference from what was asked makes the resource unfit. */
async function verify(
  driver: Driver,
  view: ResourceView,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { facts, differences } = await within('verify', signal, (call) => driver.verify(view, call));
  if (differences.length > 0)
    throw new DriverError('refused', `It is not what was asked for: ${differences.join('; ')}`);
  return facts;
}
