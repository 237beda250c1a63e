import type { LeaseRequest, LeaseView } from '../broker/lease.service.js';
import type { ResourceType } from '../domain/blueprint.js';
import { formatDuration } from '../domain/duration.js';
import { ENDED_REASONS, type EndedReason, WAITING_REASONS, type WaitingReason } from '../domain/lease.js';
import { LEASE, type LeaseState } from '../domain/state-machine.js';
import { mustDiffer } from './environment.js';
import {
  Choice,
  DurationField,
  Environment,
  Facts,
  NameField,
  NameList,
  Optional,
  SECRETS_ARE,
  SecretEnvironment,
  Text,
  Whole,
} from './fields.js';
import { ListQuery, pageOf } from './page.dto.js';
import { leaseAttributes } from './repository.dto.js';
import {
  Anything,
  Field,
  Maybe,
  MaybeAnything,
  MaybeOneOf,
  MaybeWhen,
  Nullable,
  NullableWhen,
  OneOf,
  When,
} from './response-fields.js';
import { seconds } from './times.js';

export const RESOURCE_TYPES: ResourceType[] = ['host', 'working-copy'];

export class LeaseBody {
  @Choice(RESOURCE_TYPES, 'What to lease.')
  type!: ResourceType;

  @Optional()
  @NameField('Who leases; only an admin names one, a consumer’s token leases for itself.')
  consumer?: string;

  @Optional()
  @NameList(
    'Blueprints allowed; left out: all that the consumer lists. What is free of any is taken, the best match first; what has to be built is of the first with room.',
  )
  blueprints?: string[];

  @Optional()
  @Facts(
    'Working copies: `repositories`, a map of directory to `{uri, commit | branch | tag | ref, merges, submodules, default}`, and ' +
      '`strict`. Hosts: values that the blueprint’s spec must have.',
  )
  attributes?: Record<string, unknown>;

  @Optional()
  @DurationField('Life of the lease, from when it is active; 1h when left out, cut to what the tier allows.')
  ttl?: string;

  @Optional()
  @Whole(-1000, 1000, 'Higher is served first.')
  priority?: number;

  @Optional()
  @Environment('Given to each command.')
  env?: Record<string, string>;

  @Optional()
  @SecretEnvironment(`Given to each command beside \`env\`, ${SECRETS_ARE}`)
  secrets?: Record<string, string>;

  @Optional()
  @Text(1000, 'For people.')
  note?: string;
}

export class RenewBody {
  @Optional()
  @DurationField('Life from now on; as before when left out.')
  ttl?: string;
}

export class LeaseQuery extends ListQuery {
  @Optional()
  @Choice(Object.keys(LEASE), 'In this state.')
  state?: LeaseState;

  @Optional()
  @Choice(RESOURCE_TYPES, 'On this type of resource.')
  type?: ResourceType;

  @Optional()
  @NameField('Of this consumer.')
  consumer?: string;

  @Optional()
  @NameField('Served by this blueprint.')
  blueprint?: string;

  @Optional()
  @NameField('In this tier.')
  tier?: string;

  @Optional()
  @Text(100, 'On the resource of this id.')
  resource?: string;
}

export class Waiting {
  @OneOf(WAITING_REASONS) reason!: WaitingReason;
  @Maybe('Place in the queue, from 1.') position?: number;
}

/** A time-limited claim on a resource. */
export class Lease {
  @Field() id!: string;
  @OneOf(Object.keys(LEASE)) state!: LeaseState;
  @Maybe('On what it waits, while it does.') waiting?: Waiting;
  @MaybeOneOf(ENDED_REASONS, 'What ended it.') ended?: EndedReason;
  @MaybeAnything('More about the end: git’s message, the driver’s fault.')
  endedDetail?: Record<string, unknown>;
  @Nullable('string', 'Null on the host leases that working copies stand on.') consumer!: string | null;
  @Field() tier!: string;
  @OneOf(RESOURCE_TYPES) type!: ResourceType;
  @Maybe() blueprint?: string;
  @Maybe('Id of the resource.') resource?: string;
  @Maybe('Grows with each grant of the resource; send it as `Berth-Fence`.') fence?: number;
  @MaybeWhen() expiresAt?: Date;
  @Maybe('Left by the database’s clock, which alone decides.') expiresInSeconds?: number;
  @Field('Duration that each renewal gives.') ttl!: string;
  @Field() priority!: number;
  @Anything() attributes!: Record<string, unknown>;
  @MaybeAnything('Directories and such on the resource.') access?: Record<string, unknown>;
  @Nullable('string') note!: string | null;
  @When() createdAt!: Date;
  @NullableWhen() acquiredAt!: Date | null;
  @NullableWhen() activeAt!: Date | null;
  @NullableWhen() endedAt!: Date | null;
}

export class LeasePage extends pageOf(Lease) {}

/** @throws BrokerError `malformed` naming the faulty attribute. */
export function toLeaseRequest({ ttl, attributes, ...body }: LeaseBody): LeaseRequest {
  mustDiffer(body);
  return {
    ...body,
    ttlSeconds: seconds(ttl),
    attributes: attributes && leaseAttributes(body.type, attributes),
  };
}

/** The environment is left out, since it may hold secrets. */
export function toLease(view: LeaseView): Lease {
  const { id, state, ended, endedDetail, consumer, tier, type, blueprint, resourceId, fence } = view;
  const { expiresAt, attributes, access, priority, note, createdAt, acquiredAt, activeAt, endedAt } = view;
  return {
    id,
    state,
    ...(view.waiting && { waiting: toWaiting(view.waiting, view.position) }),
    ...(ended && { ended }),
    ...(endedDetail && { endedDetail }),
    consumer,
    tier,
    type,
    ...(blueprint !== null && { blueprint }),
    ...(resourceId !== null && { resource: resourceId }),
    ...(fence !== null && { fence }),
    ...(expiresAt && { expiresAt, expiresInSeconds: view.expiresInSeconds ?? 0 }),
    ttl: formatDuration(view.ttlSeconds),
    priority,
    attributes,
    ...(access && { access }),
    note,
    createdAt,
    acquiredAt,
    activeAt,
    endedAt,
  };
}

function toWaiting(reason: WaitingReason, position: number | null): Waiting {
  return { reason, ...(position !== null && { position }) };
}
