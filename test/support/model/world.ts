import type { Authorization } from '../../../src/domain/authorization.js';
import { type Blueprint, PROVIDES, type ResourceType, type Reuse } from '../../../src/domain/blueprint.js';
import type { Isolation } from '../../../src/domain/isolation.js';
import type { Lease, LeaseObject } from '../../../src/domain/lease.js';
import type { Machine } from '../../../src/domain/machine.js';
import { objectKey } from '../../../src/domain/queue.js';
import type { Resource } from '../../../src/domain/resource.js';
import { LEASE, move } from '../../../src/domain/state-machine.js';
import { blueprint, consumer, copies, NOON } from '../builders.js';
import { Reality } from './reality.js';

/** The facts in which one history differs from another before anything happens. */
export interface Setup {
  hosts: Kind;
  copies: Kind;
  fourEyes: boolean;
  /** All edges that may be approved are from the start. */
  approved: boolean;
  /** Whether the hosts of both tiers are on one machine. */
  oneMachine: boolean;
  policy: 'low' | 'high';
}

interface Kind {
  reuse: Reuse;
  resources: number;
  leasesPerResource: number;
  warm: number;
  maxUses: number | null;
  idleAfterSeconds: number | null;
}

export type ModelResource = Omit<Resource, 'place' | 'verified' | 'contents' | 'endedAt'> & {
  /** The lease for which it is reclaimed. */
  reclaimedFor: string | null;
  /** Used since it was clean last. */
  used: boolean;
  /** Who held it so far. */
  holders: string[];
};

export type ModelLease = Pick<
  Lease,
  | 'id'
  | 'object'
  | 'forResource'
  | 'tier'
  | 'type'
  | 'state'
  | 'allowed'
  | 'priority'
  | 'seq'
  | 'blueprint'
  | 'resourceId'
  | 'slot'
  | 'fence'
  | 'used'
  | 'ended'
  | 'expiresAt'
  | 'createdAt'
> & { waiting: string | null };

/** An authorization that remembers how wide the blueprint was when it was approved. */
export type ModelEdge = Authorization & { approvedVersion: number | null };

export interface ModelBlueprint extends Blueprint {
  /** Grows with every change that widens it. */
  version: number;
  failures: number;
  retryAt: Date;
}

export const TIERS = ['low', 'high'] as const;
export const TYPES: readonly ResourceType[] = ['host', 'working-copy'];
export const BROKER: Machine = { bootId: 'broker' };

/** The rows of a small installation and what is really there. Two tiers; in each hosts, copies on them and three consumers. */
export class World {
  now = NOON;
  readonly reality = new Reality();
  readonly blueprints = new Map<string, ModelBlueprint>();
  readonly consumers: { name: string; tier: string }[] = [];
  readonly edges: ModelEdge[] = [];
  readonly resources: ModelResource[] = [];
  readonly leases: ModelLease[] = [];
  readonly isolation: Isolation;
  private readonly served = new Map<string, Date>();
  private count = 0;

  constructor(readonly setup: Setup) {
    this.isolation = { policy: setup.policy, waivers: [] };
    for (const tier of TIERS) {
      const hosts = [`${tier}-hosts`, `${tier}-spares`];
      this.declare(blueprint({ name: `${tier}-hosts`, tier, ...kind(setup.hosts) }));
      this.declare(blueprint({ name: `${tier}-spares`, tier, ...kind({ ...setup.hosts, resources: 1 }) }));
      const alone = kind({ ...setup.copies, leasesPerResource: 1 });
      this.declare(copies({ name: `${tier}-copies`, tier, spec: { hosts }, ...alone }));
      for (const host of hosts) this.ask({ kind: 'blueprint', name: `${tier}-copies` }, host);
      // One has the name of a blueprint, so that taking one for the other would show.
      for (const name of [`${tier}-a`, `${tier}-b`, `${tier}-copies`]) {
        this.consumers.push({ name, tier });
        this.ask(consumer(name), `${tier}-hosts`);
        this.ask(consumer(name), `${tier}-copies`);
      }
    }
    this.ask(consumer('low-a'), 'high-hosts');
  }

  id(prefix: string): string {
    this.count += 1;
    return `${prefix}_${this.count}`;
  }

  blueprint(name: string): ModelBlueprint {
    return this.blueprints.get(name) as ModelBlueprint;
  }

  resource(id: string | null): ModelResource | undefined {
    return this.resources.find((resource) => resource.id === id);
  }

  lease(id: string | null): ModelLease | undefined {
    return this.leases.find((lease) => lease.id === id);
  }

  tierOf({ kind, name }: LeaseObject): string {
    if (kind === 'blueprint') return this.blueprint(name).tier;
    return this.consumers.find((one) => one.name === name)?.tier as string;
  }

  /** Leases that hold a place of it: until they are destroyed, their processes may be there. */
  holding({ id }: Pick<ModelResource, 'id'>): ModelLease[] {
    return this.leases.filter((lease) => lease.resourceId === id && lease.state !== 'destroyed');
  }

  /** Whether something that was reclaimed for the lease is not free yet: it, or the host that it stood on. */
  isReclaimingFor(leaseId: string): boolean {
    return this.resources.some(({ state, reclaimedFor, hostLeaseId }) => {
      const under = this.lease(hostLeaseId);
      const host = this.resource(under?.resourceId ?? null);
      const isHostFree = (!under || under.state === 'destroyed') && !(host && this.isComing(host));
      return reclaimedFor === leaseId && !(state === 'destroyed' && isHostFree);
    });
  }

  /** Over and not yet gone, or held by nobody and not yet clean. */
  private isComing(host: ModelResource): boolean {
    const { state, hygiene } = host;
    if (state !== 'active') return state === 'released' || state === 'broken';
    return this.holding(host).length === 0 && (hygiene === 'dirty' || hygiene === 'cleaning');
  }

  liveOf(blueprintName: string): ModelResource[] {
    return this.resources.filter((one) => one.blueprint === blueprintName && one.state !== 'destroyed');
  }

  edge(object: LeaseObject, blueprintName: string): ModelEdge | undefined {
    const key = objectKey(object);
    return this.edges.find((edge) => objectKey(edge.object) === key && edge.blueprint === blueprintName);
  }

  /** The blueprints that the object lists now. */
  listedBy(object: LeaseObject): string[] {
    const key = objectKey(object);
    return this.edges
      .filter((edge) => objectKey(edge.object) === key && edge.objectState === 'active')
      .map((edge) => edge.blueprint);
  }

  machineOf(blueprintName: string): Machine {
    return { bootId: this.setup.oneMachine ? 'one' : this.blueprint(blueprintName).tier };
  }

  /** When the line of the lease last got something. */
  servedAt({ object, priority, type }: ModelLease): Date | null {
    return this.served.get(`${objectKey(object)} ${priority} ${type}`) ?? null;
  }

  /** When it last got something of one of these blueprints. */
  likeServedAt({ object, priority, type }: ModelLease, blueprints: string[]): Date | null {
    const line = `${objectKey(object)} ${priority} ${type}`;
    const times = blueprints.flatMap((name) => this.served.get(`${line} ${name}`) ?? []);
    return times.sort((a, b) => b.getTime() - a.getTime())[0] ?? null;
  }

  serve({ object, priority, type, blueprint }: ModelLease): void {
    const line = `${objectKey(object)} ${priority} ${type}`;
    this.served.set(line, this.now);
    this.served.set(`${line} ${blueprint}`, this.now);
  }

  request(
    facts: Pick<ModelLease, 'object' | 'tier' | 'type' | 'allowed' | 'priority' | 'forResource'>,
  ): ModelLease {
    const lease: ModelLease = {
      id: this.id('lease'),
      state: 'pending',
      seq: this.count,
      blueprint: null,
      resourceId: null,
      slot: null,
      fence: null,
      used: false,
      ended: null,
      expiresAt: null,
      createdAt: this.now,
      waiting: null,
      ...facts,
    };
    this.leases.push(lease);
    return lease;
  }

  /** Its time begins only now; what carries a copy lives as long as that. */
  activate(lease: ModelLease): void {
    lease.state = move(LEASE, lease.state, 'active');
    lease.expiresAt = lease.forResource === null ? new Date(this.now.getTime() + 3_600_000) : null;
  }

  build(blueprintName: string, slot: number, builtFor: string | null): void {
    const { type, tier } = this.blueprint(blueprintName);
    this.resources.push({
      id: this.id('res'),
      type: PROVIDES[type],
      blueprint: blueprintName,
      tier,
      state: 'pending',
      hygiene: 'clean',
      slot,
      hostLeaseId: null,
      builtFor,
      reclaimedFor: null,
      outdated: false,
      uses: 0,
      fence: 0,
      cordoned: false,
      lastConsumer: null,
      reason: null,
      createdAt: this.now,
      activeAt: null,
      lastUsedAt: null,
      used: false,
      holders: [],
    });
  }

  private declare(declared: Blueprint): void {
    this.blueprints.set(declared.name, { ...declared, version: 1, failures: 0, retryAt: this.now });
  }

  private ask(object: LeaseObject, blueprintName: string): void {
    const approved = this.setup.approved && this.tierOf(object) === this.blueprint(blueprintName).tier;
    this.edges.push({
      id: this.id('auth'),
      object,
      blueprint: blueprintName,
      objectState: 'active',
      state: approved ? 'authorized' : 'requested',
      requestedBy: 'dev',
      requestedAt: this.now,
      decidedBy: approved ? 'root' : null,
      decidedAt: approved ? this.now : null,
      expiresAt: null,
      reason: null,
      changes: [],
      approvedVersion: approved ? 1 : null,
    });
  }
}

function kind({ resources, leasesPerResource, reuse, warm, ...rest }: Kind): Partial<Blueprint> {
  const places = reuse === 'none' ? 1 : leasesPerResource;
  return {
    ...rest,
    reuse,
    warm: Math.min(warm, resources),
    limits: { resources, leasesPerResource: places },
  };
}
