import type { Logger } from 'pino';
import { SECOND_LOOK_SECONDS, type Suspect, SWEEP_SECONDS } from '../domain/sweep.js';
import { DriverError } from '../drivers/driver.js';
import type { BlueprintRow, BlueprintStore } from '../store/blueprint.store.js';
import type { ClaimedSweep, ClaimStore } from '../store/claim.store.js';
import type { SweepStore } from '../store/sweep.store.js';
import type { Allocator } from './allocator.js';
import type { Losses } from './losses.js';
import type { Signals } from './signals.js';
import type { Looked, Sweep } from './sweep.js';

export interface SweepStepsParts {
  claims: ClaimStore;
  blueprints: BlueprintStore;
  sweeps: SweepStore;
  sweep: Sweep;
  allocator: Allocator;
  losses: Losses;
  signals: Signals;
  log: Logger;
  processId: string;
}

/** Sweeps the endpoints of a blueprint whose sweep this process has claimed. */
export class SweepSteps {
  constructor(private readonly parts: SweepStepsParts) {}

  async take({ id, clockAheadMs }: ClaimedSweep, signal: AbortSignal): Promise<void> {
    const { blueprints, sweeps, claims, processId } = this.parts;
    const blueprint = await blueprints.get(id);
    if (!blueprint) return;
    const now = new Date(Date.now() + clockAheadMs);
    try {
      const looked = await this.parts.sweep.look(blueprint, now, signal);
      const orphans = await this.remember(blueprint, looked);
      // What was lost meanwhile is not lent again where it stood.
      const fell = await this.hear(blueprint, looked.silent);
      for (const orphan of orphans) await this.destroy(orphan, blueprint, signal);
      const isSuspicious = fell || looked.suspects.some(({ kind }) => kind === 'missing');
      await sweeps.swept(id, processId, null, isSuspicious ? SECOND_LOOK_SECONDS : SWEEP_SECONDS);
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      if (signal.aborted) return claims.giveBack('sweeps', id, processId);
      const fell = await this.hear(blueprint, [{ place: null, code: error.code, reason: error.message }]);
      await sweeps.swept(id, processId, error.message, fell ? SECOND_LOOK_SECONDS : SWEEP_SECONDS);
    }
  }

  /**
   * Silence is told when it begins and when it ends, and not at each sweep; says whether some begins. What answers again
   * may be had again, and what stands on it.
   */
  private async hear(
    { name: blueprint, tier }: BlueprintRow,
    silent: Parameters<SweepStore['heard']>[2],
  ): Promise<boolean> {
    const { sweeps, allocator, signals, log, processId } = this.parts;
    const { fell, answered } = await sweeps.heard(blueprint, processId, silent);
    if (fell) log.warn({ blueprint, silent }, 'not every host of a blueprint answers');
    if (answered) {
      allocator.poke({ tier, type: 'host' }, blueprint);
      allocator.poke({ tier, type: 'working-copy' });
    }
    if (fell || answered) signals.send('events');
    return fell;
  }

  /** What is suspicious for the first time is only remembered; what is missing for sure is lost. Returns the orphans to destroy. */
  private async remember(blueprint: BlueprintRow, { suspects, silent }: Looked): Promise<Suspect[]> {
    const { sweeps, losses, log, signals } = this.parts;
    const places = silent.map(({ place }) => place);
    const { isNew } = await sweeps.remember(blueprint.name, suspects, places);
    const ripe = suspects.filter(({ isRipe }) => isRipe);
    const missing = ripe.filter(({ kind }) => kind === 'missing').map(({ resourceId }) => resourceId);
    if (missing.length > 0) {
      const reason = 'resource-lost: it is not there, or does not run, any more';
      const lost = await losses.take(missing, { to: 'broken', reason, by: null });
      log.warn({ resources: lost, blueprint: blueprint.name }, 'resources are lost');
    }
    if (isNew || missing.length > 0) signals.send('events');
    return ripe.filter(({ kind }) => kind === 'orphan');
  }

  private async destroy(orphan: Suspect, blueprint: BlueprintRow, signal: AbortSignal): Promise<void> {
    const { sweeps, sweep, log, signals } = this.parts;
    const about = { resource: orphan.resourceId, name: orphan.name, blueprint: blueprint.name };
    try {
      await sweep.destroy(orphan, blueprint, signal);
      await sweeps.orphanDestroyed(orphan.resourceId);
      signals.send('events');
      log.warn(about, 'an orphan was destroyed');
    } catch (error) {
      if (!(error instanceof DriverError) || signal.aborted) throw error;
      await sweeps.orphanStays(orphan.resourceId, error.message);
      log.warn({ err: error, ...about }, 'an orphan could not be destroyed');
    }
  }
}
