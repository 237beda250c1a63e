import { type AuthorizationDecision, decisionFault } from '../../../src/domain/authorization.js';
import { type Blueprint, REUSE, wideningChanges } from '../../../src/domain/blueprint.js';
import type { Principal } from '../../../src/domain/consumer.js';
import { AUTHORIZATION, move } from '../../../src/domain/state-machine.js';
import { consumer } from '../builders.js';
import { breakLease, endResource, isLive, releaseLease } from './endings.js';
import { assertAtRest, assertInvariants, must } from './invariants.js';
import { type Begun, begin, due } from './steps.js';
import { turn } from './turn.js';
import { type ModelEdge, type ModelLease, type Setup, TIERS, TYPES, World } from './world.js';

/** Something that happens; the numbers pick to what, from those to which it can. */
export interface Happening {
  what: keyof typeof HAPPENINGS;
  a: number;
  b: number;
}

/** Plays a history against the pure core, and throws where an invariant does not hold after any step. */
export function play(setup: Setup, happenings: readonly Happening[]): History {
  const history = new History(setup);
  for (const { what, a, b } of happenings) {
    HAPPENINGS[what](history, a, b);
    assertInvariants(history.world);
  }
  return history;
}

const PRINCIPALS: readonly Principal[] = [
  { kind: 'person', name: 'root', roles: [{ role: 'admin' }] },
  { kind: 'person', name: 'ann', roles: [{ role: 'approver', tiers: ['low'] }] },
  { kind: 'person', name: 'hal', roles: [{ role: 'approver', tiers: ['high'] }] },
  { kind: 'person', name: 'dev', roles: [{ role: 'approver' }] },
  { kind: 'person', name: 'vic', roles: [{ role: 'viewer' }] },
  { kind: 'consumer', name: 'low-a' },
];

export const HAPPENINGS = {
  /** What a failing history shrinks to where nothing matters. */
  nothing: () => {},
  request: ({ world }: History, a: number, b: number) => {
    const { name, tier } = pick(world.consumers, a) as (typeof world.consumers)[number];
    const type = TYPES[b % 2] as (typeof TYPES)[number];
    const allowed = b % 3 === 0 ? [type === 'host' ? `${tier}-hosts` : `${tier}-copies`] : null;
    const priority = b % 5 === 0 ? 1 : 0;
    world.request({ object: consumer(name), tier, type, allowed, priority, forResource: null });
  },
  turns: (history: History) => history.turns(),
  work: (history: History, a: number) => history.work(a, true),
  fail: (history: History, a: number) => history.work(a, false),
  begin: (history: History, a: number) => history.begin(a),
  finish: (history: History, a: number, b: number) => history.finish(a, b % 4 > 0),
  run: (history: History) => history.run(),
  crash: (history: History) => history.begun.clear(),
  pass: ({ world }: History, a: number, b: number) => {
    world.now = new Date(world.now.getTime() + (1 + a * b) * 60_000);
  },
  /** The reconciler comes to what expired; until then only the time says so. */
  lapse: ({ world }: History) => {
    for (const edge of world.edges) {
      if (edge.state === 'authorized' && edge.expiresAt !== null && edge.expiresAt <= world.now) {
        edge.state = move(AUTHORIZATION, edge.state, 'expired');
      }
    }
  },
  use: ({ world }: History, a: number) => {
    const lease = pick(held(world), a);
    if (!lease) return;
    lease.used = true;
    world.reality.use(lease.resourceId as string, lease.id, lease.object.name);
  },
  release: ({ world }: History, a: number) => {
    const lease = pick(held(world), a);
    if (lease) releaseLease(lease, 'released');
  },
  cancel: ({ world }: History, a: number) => {
    const waiting = world.leases.filter(
      ({ state, forResource }) => state === 'pending' && forResource === null,
    );
    const lease = pick(waiting, a);
    if (lease) releaseLease(lease, 'cancelled');
  },
  approve: (history: History, a: number, b: number) =>
    history.decide(pick(history.world.edges, a), b, 'approve', a % 2 === 0),
  decline: (history: History, a: number, b: number) =>
    history.decide(pick(history.world.edges, a), b, 'decline'),
  revoke: (history: History, a: number, b: number) =>
    history.decide(pick(history.world.edges, a), b, 'revoke'),
  widen: ({ world }: History, a: number) => {
    const before = pick([...world.blueprints.values()], a);
    if (!before) return;
    const reuse = REUSE[Math.min(REUSE.indexOf(before.reuse) + 1, 2)] as Blueprint['reuse'];
    const after = { ...before, reuse, spec: { ...before.spec, user: `user-${before.version}` } };
    const changes = wideningChanges(before, after);
    must(changes.length > 0, '9: a wider blueprint is not taken for one');
    world.blueprints.set(before.name, { ...after, version: before.version + 1 });
    for (const edge of world.edges.filter(
      ({ blueprint, state }) => blueprint === before.name && state === 'authorized',
    )) {
      edge.state = move(AUTHORIZATION, edge.state, 'requested');
      edge.changes = changes;
    }
  },
  list: ({ world }: History, a: number, b: number) => {
    const edge = pick(world.edges, a);
    if (edge?.object.kind === 'consumer') edge.objectState = b % 2 === 0 ? 'active' : 'inactive';
  },
  cordon: ({ world }: History, a: number, b: number) => {
    const resource = pick(
      world.resources.filter(({ state }) => state === 'active'),
      a,
    );
    if (resource) resource.cordoned = b % 2 === 0;
  },
  disable: ({ world }: History, a: number, b: number) => {
    const blueprint = pick([...world.blueprints.values()], a);
    if (blueprint) blueprint.enabled = b % 2 === 0;
  },
  die: ({ world }: History, a: number) => {
    const resource = pick(
      world.resources.filter(({ state }) => state === 'pending' || state === 'active'),
      a,
    );
    if (!resource) return;
    world.reality.destroy(resource.id);
    endResource(world, resource, 'broken');
  },
};

/** A world with the steps that its broker is taking. */
export class History {
  readonly world: World;
  readonly begun = new Map<string, Begun>();

  constructor(setup: Setup) {
    this.world = new World(setup);
  }

  turns(): void {
    for (const tier of TIERS) for (const type of TYPES) turn(this.world, tier, type);
  }

  begin(index: number): Begun | undefined {
    const work = pick(due(this.world, new Set(this.begun.keys())), index);
    const begun = work && begin(this.world, work);
    if (begun) this.begun.set(begun.id, begun);
    return begun;
  }

  finish(index: number, success: boolean): void {
    this.end(pick([...this.begun.values()], index), success);
  }

  work(index: number, success: boolean): void {
    this.end(this.begin(index), success);
  }

  /** Turns and steps, all of which succeed, until nothing more is to be done now. */
  run(): void {
    for (const begun of [...this.begun.values()]) this.end(begun, true);
    for (let round = 0; round < 100; round += 1) {
      this.turns();
      assertInvariants(this.world);
      const works = due(this.world, new Set());
      if (works.length === 0) {
        assertAtRest(this.world);
        return;
      }
      for (const work of works) this.end(begin(this.world, work), true);
    }
    must(false, 'the broker never comes to rest');
  }

  decide(edge: ModelEdge | undefined, by: number, decision: AuthorizationDecision, expires = false): void {
    const principal = pick(PRINCIPALS, by);
    if (!edge || !principal) return;
    const { world } = this;
    const [objectTier, blueprintTier] = [world.tierOf(edge.object), world.blueprint(edge.blueprint).tier];
    const { fourEyes } = world.setup;
    const facts = { principal, authorization: edge, objectTier, blueprintTier, profile: { fourEyes } };
    if (decisionFault(facts, decision)) return;
    const may =
      principal.name === 'root' ||
      principal.name === 'dev' ||
      (principal.name === 'ann') === (blueprintTier === 'low');
    must(
      may && principal.kind === 'person' && principal.name !== 'vic',
      `8: ${principal.name} decides ${edge.id}`,
    );
    must(decision !== 'approve' || !fourEyes || principal.name !== edge.requestedBy, '8: two eyes approve');
    const before = world.leases.map(({ state }) => state);
    edge.state = move(AUTHORIZATION, edge.state, decision === 'approve' ? 'authorized' : 'declined');
    Object.assign(edge, { decidedBy: principal.name, decidedAt: world.now, changes: [] });
    edge.approvedVersion = decision === 'approve' ? world.blueprint(edge.blueprint).version : null;
    edge.expiresAt = expires ? new Date(world.now.getTime() + 600_000) : null;
    if (decision === 'revoke' && by % 2 === 1) this.breakLeases(edge);
    else must(`${before}` === `${world.leases.map(({ state }) => state)}`, '7: a decision ends a lease');
  }

  private end(begun: Begun | undefined, success: boolean): void {
    if (!begun) return;
    this.begun.delete(begun.id);
    begun.finish(success);
  }

  private breakLeases({ object, blueprint }: ModelEdge): void {
    for (const lease of this.world.leases) {
      const through = lease.object.kind === object.kind && lease.object.name === object.name;
      if (through && lease.blueprint === blueprint && lease.state !== 'pending' && isLive(lease)) {
        breakLease(lease, 'revoked');
      }
    }
  }
}

function held(world: World): ModelLease[] {
  return world.leases.filter(({ state, forResource }) => state === 'active' && forResource === null);
}

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % list.length];
}
