import { PROVIDES, type ResourceType } from '../domain/blueprint.js';
import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { Tier } from '../domain/tier.js';
import { type BlueprintRow, BlueprintStore } from '../store/blueprint.store.js';
import { type ConsumerRow, ConsumerStore } from '../store/consumer.store.js';
import type { Database, Queryable } from '../store/database.js';
import { EventStore, type NewEvent } from '../store/event.store.js';
import { InstallationStore } from '../store/installation.store.js';
import type { Page, PageRequest } from '../store/page.js';
import { betweenTurns } from '../store/turn.store.js';
import type { Allocator } from './allocator.js';
import type { Signals } from './signals.js';

export type { BlueprintRow as BlueprintView } from '../store/blueprint.store.js';
export type { ConsumerRow as ConsumerView } from '../store/consumer.store.js';

/** What is declared: read, taken out of service, deleted. Declaring is the declaration service's. */
export class CatalogueService {
  constructor(
    private readonly db: Database,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
  ) {}

  async blueprint(name: string): Promise<BlueprintRow> {
    const blueprint = await new BlueprintStore(this.db).get(name);
    if (!blueprint) throw new BrokerError('not-found', `There is no blueprint ${name}.`);
    return blueprint;
  }

  blueprints(page: PageRequest): Promise<Page<BlueprintRow>> {
    return new BlueprintStore(this.db).list(page);
  }

  /** Deletes one that has no live resource, carries no other blueprint, and has no orphan to destroy. */
  async removeBlueprint(name: string, by: Principal): Promise<void> {
    const { tier } = await this.blueprint(name);
    const removed = await this.recorded(
      tier,
      { kind: 'blueprint.removed', blueprint: name, principal: by.name },
      (transaction) => new BlueprintStore(transaction).remove(name),
    );
    if (removed === 'absent') throw new BrokerError('not-found', `There is no blueprint ${name}.`);
    if (removed === 'in-use')
      throw new BrokerError(
        'in-use',
        `Blueprint ${name} has live resources, or is just giving their hosts back, or another stands on it, or its sweep is to destroy an orphan first.`,
      );
  }

  /** A disabled blueprint gives no new leases and builds nothing; what it has given goes on. */
  async setEnabled(name: string, enabled: boolean, by: Principal): Promise<BlueprintRow> {
    const { tier, type } = await this.blueprint(name);
    const kind = enabled ? 'blueprint.enabled' : 'blueprint.disabled';
    await this.recorded(tier, { kind, blueprint: name, principal: by.name }, (transaction) =>
      new BlueprintStore(transaction).setEnabled(name, enabled),
    );
    this.allocator.review({ tier, type: PROVIDES[type] as ResourceType });
    return this.blueprint(name);
  }

  async consumer(name: string): Promise<ConsumerRow> {
    const consumer = await new ConsumerStore(this.db).get(name);
    if (!consumer) throw new BrokerError('not-found', `There is no consumer ${name}.`);
    return consumer;
  }

  consumers(page: PageRequest): Promise<Page<ConsumerRow>> {
    return new ConsumerStore(this.db).list(page);
  }

  /** Deletes one that has no live lease, with its tokens and authorizations. */
  async removeConsumer(name: string, by: Principal): Promise<void> {
    const { tier } = await this.consumer(name);
    const removed = await this.recorded(
      tier,
      { kind: 'consumer.removed', consumer: name, principal: by.name },
      (transaction) => new ConsumerStore(transaction).remove(name),
    );
    if (removed === 'absent') throw new BrokerError('not-found', `There is no consumer ${name}.`);
    if (removed === 'in-use')
      throw new BrokerError('in-use', `Consumer ${name} has live leases; release them first.`);
  }

  tiers(): Promise<Tier[]> {
    return new InstallationStore(this.db).tiers();
  }

  /** Does it between turns and logs it, in one transaction; nothing is logged where it could not be done. */
  private async recorded<T>(
    tier: string,
    event: NewEvent,
    act: (transaction: Queryable) => Promise<T>,
  ): Promise<T> {
    const result = await this.db.transaction(async (transaction) => {
      await betweenTurns(transaction, tier);
      const done = await act(transaction);
      if (done !== 'absent' && done !== 'in-use') await new EventStore(transaction).record([event]);
      return done;
    });
    this.signals.send('events', 'due', 'blueprints');
    return result;
  }
}
