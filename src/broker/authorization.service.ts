import {
  type Authorization,
  type AuthorizationDecision,
  decisionFault,
  isUsable,
  LEADS_TO,
  reachable,
} from '../domain/authorization.js';
import { hostBlueprintsOf, PROVIDES, type ResourceType } from '../domain/blueprint.js';
import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { AUTHORIZATION, move } from '../domain/state-machine.js';
import type { Tier } from '../domain/tier.js';
import {
  type AuthorizationFilter,
  type AuthorizationRow,
  AuthorizationStore,
} from '../store/authorization.store.js';
import { BlueprintStore } from '../store/blueprint.store.js';
import type { Database } from '../store/database.js';
import { EventStore } from '../store/event.store.js';
import { InstallationStore } from '../store/installation.store.js';
import { LeaseStore } from '../store/lease.store.js';
import type { Page } from '../store/page.js';
import { betweenTurns } from '../store/turn.store.js';
import type { Allocator } from './allocator.js';
import type { Signals } from './signals.js';

/** An authorization, with what it comes to. */
export interface AuthorizationView extends Authorization {
  tier: string;
  /** Whether it allows anything right now. */
  usable: boolean;
  /** Every blueprint that is reached through it. */
  grants: string[];
}

interface Verdict {
  decision: AuthorizationDecision;
  reason?: string;
  expiresInSeconds?: number;
  breakLeases?: boolean;
}

export class AuthorizationService {
  constructor(
    private readonly db: Database,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
  ) {}

  async get(id: string): Promise<AuthorizationView> {
    const row = await new AuthorizationStore(this.db).get(id);
    if (!row) throw new BrokerError('not-found', `There is no authorization ${id}.`);
    return (await this.views([row]))[0] as AuthorizationView;
  }

  async list(filter: AuthorizationFilter): Promise<Page<AuthorizationView>> {
    const { items, nextCursor } = await new AuthorizationStore(this.db).list(filter);
    return { items: await this.views(items), nextCursor };
  }

  /** Allows the object to use the blueprint, for `expiresInSeconds` or until revoked. Waiting leases go on at once. */
  approve(
    id: string,
    { reason, expiresInSeconds }: { reason?: string; expiresInSeconds?: number },
    by: Principal,
  ): Promise<AuthorizationView> {
    return this.decide(id, { decision: 'approve', reason, expiresInSeconds }, by);
  }

  decline(id: string, { reason }: { reason?: string }, by: Principal): Promise<AuthorizationView> {
    return this.decide(id, { decision: 'decline', reason }, by);
  }

  /** Stops new leases through this edge; those there are go on, unless they are to be broken too, which may be asked for later. */
  revoke(
    id: string,
    { reason, breakLeases }: { reason?: string; breakLeases?: boolean },
    by: Principal,
  ): Promise<AuthorizationView> {
    return this.decide(id, { decision: 'revoke', reason, breakLeases }, by);
  }

  private async decide(id: string, verdict: Verdict, by: Principal): Promise<AuthorizationView> {
    const { row, broken } = await this.db.transaction(async (transaction) => {
      const authorizations = new AuthorizationStore(transaction);
      const seen = await authorizations.get(id);
      if (seen) await betweenTurns(transaction, seen.tier);
      const found = await authorizations.get(id, { lock: true });
      if (!found) throw new BrokerError('not-found', `There is no authorization ${id}.`);
      const { profile } = (await new InstallationStore(transaction).tier(found.tier)) as Tier;
      const { decision, reason = null, expiresInSeconds = null, breakLeases = false } = verdict;
      const facts = {
        principal: by,
        authorization: found,
        objectTier: found.objectTier ?? '',
        blueprintTier: found.tier,
        profile,
        breakLeases,
      };
      const fault = decisionFault(facts, decision);
      if (fault) throw fault;
      const state = LEADS_TO[decision];
      if (found.state !== state) move(AUTHORIZATION, found.state, state);
      await authorizations.decide(id, { state, by: by.name, reason, expiresInSeconds });
      const kind = decision === 'revoke' ? 'authorization.revoked' : `authorization.${state}`;
      const { object, blueprint } = found;
      const data = { object, reason, ...(decision === 'revoke' && { breakLeases }) };
      const consumer = object.kind === 'consumer' ? object.name : undefined;
      await new EventStore(transaction).record([
        { kind, authorization: id, blueprint, consumer, principal: by.name, data },
      ]);
      if (!breakLeases) return { row: found, broken: [] };
      const leases = new LeaseStore(transaction);
      const holding = await leases.holdingThrough(object, blueprint);
      const ended = await leases.end(holding, {
        to: 'broken',
        ended: 'revoked',
        detail: { message: reason },
        by: by.name,
      });
      return { row: found, broken: ended.map(({ id }) => id) };
    });
    this.signals.send('events', 'due', ...broken, ...broken.map((lease) => `over ${lease}`));
    await this.serve(row);
    return this.get(id);
  }

  /** Whoever waits for this decision waits in the pool of the blueprint, or of one that stands on it. */
  private async serve({ tier, blueprint }: AuthorizationRow): Promise<void> {
    const all = await new BlueprintStore(this.db).all();
    const found = all.filter(
      ({ name, spec, type }) => name === blueprint || hostBlueprintsOf({ type, spec }).includes(blueprint),
    );
    for (const type of new Set(found.map((one): ResourceType => PROVIDES[one.type])))
      this.allocator.review({ tier, type });
  }

  private async views(rows: AuthorizationRow[]): Promise<AuthorizationView[]> {
    const standsOn = new Map(
      (await new BlueprintStore(this.db).all()).map((blueprint) => [
        blueprint.name,
        hostBlueprintsOf(blueprint),
      ]),
    );
    const now = await this.db.now();
    return rows.map(({ objectTier: _, ...row }) => ({
      ...row,
      usable: isUsable(row, now),
      grants: reachable(row.blueprint, standsOn),
    }));
  }
}
