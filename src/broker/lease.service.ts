import { setImmediate } from 'node:timers/promises';
import type { ResourceType } from '../domain/blueprint.js';
import { type ConsumerInTier, isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError, faulty } from '../domain/errors.js';
import { isWaiting, type LeaseAttributes } from '../domain/lease.js';
import { DEFAULT_TTL_SECONDS, type Tier } from '../domain/tier.js';
import { repositoriesFaults } from '../domain/working-copy.js';
import type { ConsumerStore } from '../store/consumer.store.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { LeaseRow, LeaseStore } from '../store/lease.store.js';
import type { LeaseFilter } from '../store/lease-list.js';
import type { Page } from '../store/page.js';
import { consumerFor, leaseFor, mustBeActive, mustHold } from './access.js';
import type { Allocator } from './allocator.js';
import { type Environment, mustAllowSecrets, sealEnvironment } from './environment.js';
import type { Heartbeat } from './heartbeat.js';
import { newId } from './ids.js';
import type { Secrets } from './secrets.js';
import type { Signals } from './signals.js';

/** What is wanted, and the environment of all commands. */
export interface LeaseRequest extends Environment {
  /** For whom; a consumer's own token needs none. */
  consumer?: string;
  type: ResourceType;
  /** Blueprints that will do; absent: whatever the consumer lists. */
  blueprints?: string[];
  attributes?: LeaseAttributes;
  ttlSeconds?: number;
  /** -1000 to 1000; higher is served first. */
  priority?: number;
  note?: string;
}

/** How long a call may wait for its object to settle. */
export interface Waiting {
  waitSeconds?: number;
  signal?: AbortSignal;
}

/** A lease as its holder sees it. */
export interface LeaseView extends LeaseRow {
  consumer: string | null;
}

export class LeaseService {
  constructor(
    private readonly leases: LeaseStore,
    private readonly consumers: ConsumerStore,
    private readonly installation: InstallationStore,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
    private readonly secrets: Secrets,
    private readonly heartbeat: Heartbeat,
  ) {}

  /**
   * Requests a lease. The answer is active where something ready could serve it or was ready within `waitSeconds`, and
   * waits with its reason otherwise. Repeating it under the same `id` is safe.
   */
  async request(
    request: LeaseRequest,
    by: Principal,
    { id = newId('lease'), ...waiting }: Waiting & { id?: string },
  ): Promise<LeaseView> {
    const consumer = await consumerFor(this.consumers, request.consumer, by);
    const { type, blueprints = null, attributes = {}, priority = 0, note = null } = request;
    mustBePossible(request, consumer);
    const ttlSeconds = request.ttlSeconds ?? Math.min(DEFAULT_TTL_SECONDS, consumer.profile.maxTtlSeconds);
    const lease = await this.allocator.request(
      { tier: consumer.tier, type },
      {
        id,
        object: { kind: 'consumer', name: consumer.name },
        forResource: null,
        allowed: blueprints,
        attributes,
        priority,
        ttlSeconds,
        sealedEnv: sealEnvironment(this.secrets, request),
        note,
        by: by.name,
        warm: false,
      },
    );
    return lease?.state === 'active' ? view(lease) : this.get(id, by, waiting);
  }

  /** The lease; with `waitSeconds`, once it is no longer pending or acquired. */
  async get(id: string, by: Principal, waiting: Waiting = {}): Promise<LeaseView> {
    const look = () => leaseFor(this.leases, id, by, 'read');
    return view(await this.signals.until(id, look, ({ state }) => !isWaiting(state), waiting));
  }

  /** A consumer sees its own. */
  async list(filter: LeaseFilter, by: Principal): Promise<Page<LeaseView>> {
    const consumer = by.kind === 'consumer' ? by.name : filter.consumer;
    if (!mayRead(by) && by.kind !== 'consumer')
      throw new BrokerError('forbidden', 'Listing leases needs a role.');
    const { items, nextCursor } = await this.leases.list({ ...filter, consumer });
    return { items: items.map(view), nextCursor };
  }

  /** Sets the life left to `ttlSeconds` (default: what it was requested with), never further than the tier's maximum or what it has. */
  async renew(
    id: string,
    by: Principal,
    { ttlSeconds, fence }: { ttlSeconds?: number; fence?: number },
  ): Promise<LeaseView> {
    const lease = await leaseFor(this.leases, id, by, 'act');
    mustBeActive(lease, fence, this.heartbeat);
    const { profile } = (await this.installation.tier(lease.tier)) as Tier;
    const renewed = await this.leases.renew(id, ttlSeconds ?? lease.ttlSeconds, profile.maxTtlSeconds);
    if (!renewed) return this.renew(id, by, { ttlSeconds, fence }); // it is over by now, and told as such
    this.signals.send('due');
    return view(renewed);
  }

  /** Ends the lease, again and again: one that is over stays as it ended. */
  async release(id: string, by: Principal, { fence }: { fence?: number }): Promise<LeaseView> {
    const holder = by.kind === 'consumer' ? by.name : undefined;
    const how = { to: 'released', ended: 'released', by: by.name, holder, fence } as const;
    const [over] = holder === undefined && !isAdmin(by) ? [] : await this.leases.end([id], how);
    if (!over) {
      const lease = await leaseFor(this.leases, id, by, 'act');
      if (lease.state === 'acquired' || lease.state === 'active') mustHold(lease, fence);
      return view(lease);
    }
    if (over.state === 'destroyed' && over.resourceId) {
      const handsOver = this.allocator.poke(over, over.blueprint);
      if (handsOver) await setImmediate(); // the turn's look goes out before this answer is made
    }
    this.signals.send('events', ...(over.due ? ['due'] : []), id, `over ${id}`);
    return view(over);
  }
}

function mustBePossible(
  { type, blueprints, attributes, ttlSeconds, env, secrets }: LeaseRequest,
  consumer: ConsumerInTier,
): void {
  const { maxTtlSeconds } = consumer.profile;
  if (ttlSeconds !== undefined && ttlSeconds > maxTtlSeconds) {
    throw faulty(
      'impossible',
      'ttl',
      `must be at most ${maxTtlSeconds}s, as the profile of tier ${consumer.tier} says`,
    );
  }
  for (const [path, given] of Object.entries({ env, secrets })) {
    if (given && Object.keys(given).some((key) => key.startsWith('BERTH_')))
      throw faulty('impossible', path, 'must not set BERTH_ variables: those are the broker’s');
  }
  mustAllowSecrets(secrets, { name: consumer.tier, profile: consumer.profile });
  const unlisted = blueprints?.filter((blueprint) => !consumer.blueprints.includes(blueprint)) ?? [];
  if (unlisted.length > 0) {
    throw faulty(
      'impossible',
      'blueprints',
      `must be listed by consumer ${consumer.name}; it does not list ${unlisted.join(', ')}`,
    );
  }
  const errors = type === 'working-copy' ? repositoriesFaults(attributes ?? {}) : [];
  if (errors.length > 0)
    throw new BrokerError('impossible', 'The repositories can not be checked out so.', { errors });
}

function view(lease: LeaseRow): LeaseView {
  return { ...lease, consumer: lease.object.kind === 'consumer' ? lease.object.name : null };
}
