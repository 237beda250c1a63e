import { readFile } from 'node:fs/promises';
import {
  type Blueprint,
  canonical,
  hostBlueprintsOf,
  outdatedPlaces,
  PROVIDES,
  type ResourceType,
  wideningChanges,
} from '../domain/blueprint.js';
import { blueprintFaults, cycleThrough, hostFaults } from '../domain/blueprint-faults.js';
import { parseDuration } from '../domain/duration.js';
import { BrokerError, type FieldFault, faulty } from '../domain/errors.js';
import { type Isolation, type IsolationPolicy, policyFaults, policyFinding } from '../domain/isolation.js';
import type { LeaseObject } from '../domain/lease.js';
import { DEFAULT_PROFILE, type Tier } from '../domain/tier.js';
import { AuthorizationStore } from '../store/authorization.store.js';
import { BlueprintStore } from '../store/blueprint.store.js';
import { ConsumerStore } from '../store/consumer.store.js';
import { CredentialStore } from '../store/credential.store.js';
import type { Queryable } from '../store/database.js';
import { EventStore, type NewEvent } from '../store/event.store.js';
import { InstallationStore } from '../store/installation.store.js';
import { LeaseStore } from '../store/lease.store.js';
import type { Pool } from '../store/turn.js';
import { betweenTurns } from '../store/turn.store.js';
import { check } from './check.js';
import type {
  BlueprintSpec,
  Change,
  ConsumerSpec,
  CredentialSpec,
  Declaration,
  PolicySpec,
  TierSpec,
} from './declarations.js';
import type { Drivers } from './drivers.js';
import { newId } from './ids.js';
import type { Secrets } from './secrets.js';

export interface DeclarerParts {
  /** The transaction that all of it happens in. */
  db: Queryable;
  by: string;
  drivers: Drivers;
  secrets: Secrets;
  /** What the environment says in place of the policy file. */
  isolationOverride: IsolationPolicy | undefined;
  allowZeroIsolation: boolean;
  /** Nothing of it stays. */
  dryRun: boolean;
}

/** Containers that a docker-host keeps ready where its declaration does not say. */
const DEFAULT_WARM = 2;

/** Declares one object after the other in one transaction: load, decide, save. */
export class Declarer {
  readonly touched: Pool[] = [];
  private readonly blueprints: BlueprintStore;
  private readonly consumers: ConsumerStore;
  private readonly credentials: CredentialStore;
  private readonly authorizations: AuthorizationStore;
  private readonly installation: InstallationStore;
  private readonly leases: LeaseStore;
  private readonly events: NewEvent[] = [];
  /**
   * What locks leases or resources comes last: a turn that waits for one of these may be waited for, in a tier declared
   * after.
   */
  private readonly atLast: (() => Promise<void>)[] = [];
  private isolation: Isolation = { policy: 'high', waivers: [] };
  private tiers = new Map<string, Tier>();
  private known = new Map<string, Blueprint>();

  constructor(private readonly parts: DeclarerParts) {
    const { db } = parts;
    this.blueprints = new BlueprintStore(db);
    this.consumers = new ConsumerStore(db);
    this.credentials = new CredentialStore(db);
    this.authorizations = new AuthorizationStore(db);
    this.installation = new InstallationStore(db);
    this.leases = new LeaseStore(db);
  }

  async begin(): Promise<void> {
    this.isolation = await this.installation.isolation();
    this.tiers = new Map((await this.installation.tiers()).map((tier) => [tier.name, tier]));
    this.known = new Map((await this.blueprints.all()).map((blueprint) => [blueprint.name, blueprint]));
  }

  declare({ kind, name, spec }: Declaration): Promise<Change> {
    switch (kind) {
      case 'Policy':
        return this.policy(name, spec as PolicySpec);
      case 'Tier':
        return this.tier(name, spec as TierSpec);
      case 'Credential':
        return this.credential(name, spec as CredentialSpec);
      case 'Blueprint':
        return this.blueprint(name, spec as BlueprintSpec);
      case 'Consumer':
        return this.consumer(name, spec as ConsumerSpec);
      default:
        return kind satisfies never;
    }
  }

  /** A dry run takes nothing from anyone, and so need not wait. */
  private async betweenTurns(tier: string): Promise<void> {
    if (!this.parts.dryRun) await betweenTurns(this.parts.db, tier);
  }

  /** What was declared must still fit together: a stricter policy or profile may not leave a wider blueprint behind. */
  async end(): Promise<void> {
    for (const blueprint of this.known.values())
      this.mustBeAllowed(blueprint, `Blueprint ${blueprint.name}: `);
    for (const act of this.atLast) await act();
    await new EventStore(this.parts.db).record(this.events);
  }

  private async policy(name: string, { isolation, waivers }: PolicySpec): Promise<Change> {
    const policy = this.parts.isolationOverride ?? isolation;
    const finding = policyFinding(policy, this.parts.allowZeroIsolation);
    if (finding) {
      const message = `${finding.message} Set BERTH_ALLOW_ZERO_ISOLATION=yes if it is meant`;
      throw faulty('policy-denies', 'isolation', message);
    }
    const next: Isolation = {
      policy,
      waivers: waivers.map(({ rule, subject, reason }) => ({ rule, subject, reason })),
    };
    const fields = differing(this.isolation, next);
    if (fields.length > 0) {
      await this.installation.setIsolation(next);
      this.touched.push(...(await this.blueprints.recovered({ early: true }))); // what was refused may be allowed now
    }
    this.isolation = next;
    return this.changed('Policy', name, 'updated', fields);
  }

  private async tier(name: string, { maxTtl, ...spec }: TierSpec): Promise<Change> {
    const before = this.tiers.get(name);
    const given = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
    const profile = {
      ...DEFAULT_PROFILE,
      ...given,
      ...(maxTtl !== undefined && { maxTtlSeconds: seconds(maxTtl) }),
    };
    const fields = differing(before?.profile ?? {}, profile);
    if (before && fields.includes('maxTtlSeconds')) {
      await this.betweenTurns(name);
      this.atLast.push(() => this.leases.capPending(name, profile.maxTtlSeconds));
    }
    if (fields.length > 0) await this.installation.putTier({ name, profile });
    this.tiers.set(name, { name, profile });
    return this.changed('Tier', name, before ? 'updated' : 'created', fields);
  }

  private async credential(name: string, spec: CredentialSpec): Promise<Change> {
    const { secrets } = this.parts;
    const before = await this.credentials.get(name);
    const secret = await secretOf(spec);
    const { username = null, hosts = null } = spec;
    const fields = before
      ? [
          ...differing(
            { type: before.kind, username: before.username, hosts: before.hosts },
            { type: spec.type, username, hosts },
          ),
          ...(secrets.holds(before.sealed, secret) ? [] : ['secret']),
        ]
      : ['type', 'username', 'hosts', 'secret'];
    if (fields.length > 0)
      await this.credentials.put({ name, kind: spec.type, username, hosts, sealed: secrets.seal(secret) });
    return this.changed('Credential', name, before ? 'updated' : 'created', fields);
  }

  private async blueprint(name: string, declared: BlueprintSpec): Promise<Change> {
    const before = this.known.get(name);
    const next = this.toBlueprint(name, declared, before);
    this.mustFit(next, before);
    this.mustBeAllowed(next, '');
    const fields = before ? differing(before, next) : Object.keys(next);
    if (before && fields.length === 0) return this.changed('Blueprint', name, 'updated', []);
    if (before) await this.betweenTurns(before.tier);
    if (before && before.type !== next.type && (await this.blueprints.get(name))?.live) {
      throw new BrokerError('in-use', `Blueprint ${name} has live resources, so its type can't change.`);
    }
    if (before && before.tier !== next.tier) await this.mustBeUnused(name);
    await this.blueprints.put(next);
    if (before) {
      this.atLast.push(
        () => this.blueprints.outdate(before, outdatedPlaces(before, next)),
        () => this.blueprints.judgeAnew(name),
      );
    }
    this.known.set(name, next);
    const effects = before ? await this.superseded(before, next) : [];
    effects.push(...(await this.listed({ kind: 'blueprint', name }, hostBlueprintsOf(next))));
    this.touched.push({ tier: next.tier, type: PROVIDES[next.type] as ResourceType });
    return this.changed('Blueprint', name, before ? 'updated' : 'created', fields, effects);
  }

  private async consumer(name: string, { kind, tier, blueprints, oidc }: ConsumerSpec): Promise<Change> {
    const before = await this.consumers.get(name);
    this.tierOf(tier);
    const unknown = blueprints.filter((blueprint) => !this.known.has(blueprint));
    if (unknown.length > 0)
      throw faulty('impossible', 'blueprints', `names no blueprint: ${unknown.join(', ')}`);
    if (before && before.tier !== tier)
      throw new BrokerError('conflict', `Consumer ${name} is of tier ${before.tier}; a tier never changes.`);
    const next = { name, kind, tier, blueprints, oidc: oidc ? { ...oidc } : null };
    const fields = before
      ? differing(
          { kind: before.kind, blueprints: before.blueprints, oidc: before.oidc },
          { kind, blueprints, oidc: next.oidc },
        )
      : Object.keys(next);
    if (fields.length === 0) return this.changed('Consumer', name, 'updated', []);
    if (before) await this.betweenTurns(tier);
    const declaredBy = before && !fields.includes('blueprints') ? before.declaredBy : this.parts.by;
    await this.consumers.put({ ...next, declaredBy });
    const effects = await this.listed({ kind: 'consumer', name }, blueprints);
    this.touched.push({ tier, type: 'host' }, { tier, type: 'working-copy' });
    return this.changed('Consumer', name, before ? 'updated' : 'created', fields, effects);
  }

  private toBlueprint(name: string, declared: BlueprintSpec, before: Blueprint | undefined): Blueprint {
    const schema = this.parts.drivers.get(declared.type).schema;
    const { value, faults } = check(schema, declared.spec, 'spec');
    if (value === undefined)
      throw new BrokerError('malformed', 'The spec has faults; nothing was changed.', { errors: faults });
    const { type, tier, limits, maxAge, maxUses, idleAfter } = declared;
    // A container costs milliseconds and is thrown away; a checkout or a machine is dear, and is used again.
    const reuse = declared.reuse ?? (type === 'docker-host' ? 'none' : 'tier');
    const warm = declared.warm ?? (type === 'docker-host' ? Math.min(DEFAULT_WARM, limits.resources) : 0);
    return {
      name,
      type,
      tier,
      enabled: before?.enabled ?? true,
      limits: { resources: limits.resources, leasesPerResource: limits.leasesPerResource },
      reuse,
      warm,
      maxAgeSeconds: maxAge === undefined ? null : seconds(maxAge),
      maxUses: maxUses ?? null,
      idleAfterSeconds: idleAfter === undefined ? null : seconds(idleAfter),
      spec: JSON.parse(JSON.stringify(value)),
    };
  }

  /** Its tier, and the blueprints that it stands on, must be there and be right. */
  private mustFit(next: Blueprint, before: Blueprint | undefined): void {
    const tier = this.tierOf(next.tier);
    const faults = blueprintFaults(next, tier);
    if (next.limits.leasesPerResource > 1 && !this.parts.drivers.get(next.type).shareable) {
      faults.push({
        path: 'limits.leasesPerResource',
        message: `must be 1: a ${next.type} holds one lease at a time`,
      });
    }
    faults.push(...hostFaults({ tier: next.tier, hosts: hostBlueprintsOf(next) }, this.known));
    const others = new Map([...this.known.values()].map((other) => [other.name, hostBlueprintsOf(other)]));
    const cycle = cycleThrough({ name: next.name, hosts: hostBlueprintsOf(next) }, others);
    if (cycle)
      faults.push({ path: 'spec.hosts', message: `must not lead back to itself: ${cycle.join(' → ')}` });
    if (before && before.tier !== next.tier && faults.length === 0) {
      const standing = [...this.known.values()].filter((other) =>
        hostBlueprintsOf(other).includes(next.name),
      );
      if (standing.length > 0)
        faults.push({
          path: 'tier',
          message: `can't change: ${standing.map(({ name }) => name).join(', ')} stands on it`,
        });
    }
    if (faults.length > 0)
      throw new BrokerError('impossible', 'The blueprint is not possible; nothing was changed.', {
        errors: faults,
      });
  }

  private mustBeAllowed(blueprint: Blueprint, prefix: string): void {
    const faults = policyFaults(this.isolation.policy, blueprint, this.isolation.waivers);
    const profile = blueprintFaults(blueprint, this.tierOf(blueprint.tier));
    const errors: FieldFault[] = [...faults, ...profile].map(({ path, message }) => ({
      path,
      message: `${prefix}${message}`,
    }));
    if (errors.length > 0)
      throw new BrokerError(
        'policy-denies',
        'The isolation policy or the tier does not allow it; nothing was changed.',
        { errors },
      );
  }

  /** Invariant 1: the database refuses it too, but says it less well. */
  private async mustBeUnused(name: string): Promise<void> {
    if (await this.blueprints.hadResources(name)) {
      throw new BrokerError(
        'conflict',
        `Blueprint ${name} has had resources, so its tier never changes; declare another blueprint.`,
      );
    }
  }

  private async superseded(before: Blueprint, next: Blueprint): Promise<string[]> {
    const changes = wideningChanges(before, next);
    if (changes.length === 0) return [];
    const ids = await this.authorizations.supersede(next.name, changes);
    for (const id of ids) {
      this.events.push({
        kind: 'authorization.requested',
        authorization: id,
        blueprint: next.name,
        principal: this.parts.by,
        data: { superseded: changes },
      });
    }
    return ids.length === 0
      ? []
      : [`${ids.length} approvals are requested again, because ${changes.join(', ')} widened`];
  }

  private async listed(object: LeaseObject, blueprints: string[]): Promise<string[]> {
    const edges = blueprints.map((blueprint) => ({ blueprint, id: newId('auth') }));
    const changes = await this.authorizations.setListed(object, edges, this.parts.by);
    for (const { id, blueprint, state, objectState } of changes) {
      const kind = objectState === 'inactive' ? 'authorization.inactive' : `authorization.${state}`;
      const consumer = object.kind === 'consumer' ? object.name : undefined;
      this.events.push({
        kind,
        authorization: id,
        blueprint,
        consumer,
        principal: this.parts.by,
        data: { object },
      });
    }
    return changes.map(({ blueprint, state, objectState }) =>
      objectState === 'inactive'
        ? `${blueprint} is not listed any more`
        : `${blueprint}: authorization ${state}`,
    );
  }

  private tierOf(name: string): Tier {
    const tier = this.tiers.get(name);
    if (!tier)
      throw faulty(
        'impossible',
        'tier',
        `names no tier: ${name}; there are ${[...this.tiers.keys()].join(', ') || 'none'}`,
      );
    return tier;
  }

  private changed(
    kind: Change['kind'],
    name: string,
    action: 'created' | 'updated',
    fields: string[],
    effects: string[] = [],
  ): Change {
    if (fields.length === 0) return { kind, name, action: 'unchanged', fields, effects };
    const about = kind === 'Blueprint' ? { blueprint: name } : kind === 'Consumer' ? { consumer: name } : {};
    this.events.push({
      kind: `${kind.toLowerCase()}.${action}`,
      ...about,
      principal: this.parts.by,
      data: { name, fields },
    });
    return { kind, name, action, fields, effects };
  }
}

async function secretOf({ secret, secretFile }: CredentialSpec): Promise<string> {
  if ((secret === undefined) === (secretFile === undefined)) {
    throw faulty('malformed', 'secret', 'or secretFile must be given, and not both');
  }
  if (secretFile === undefined) return secret as string;
  try {
    return await readFile(secretFile, 'utf8');
  } catch (cause) {
    throw faulty('impossible', 'secretFile', 'must name a file that the broker can read', cause);
  }
}

function seconds(duration: string): number {
  return parseDuration(duration) as number;
}

/** Names of the fields that differ between two plain objects. */
function differing(before: object, after: object): string[] {
  const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...a.keys(), ...b.keys()])].filter(
    (key) => canonical(a.get(key)) !== canonical(b.get(key)),
  );
}
