import { ApiProperty } from '@nestjs/swagger';
import type { ResourceView } from '../broker/resource.service.js';
import type { ResourceType } from '../domain/blueprint.js';
import { HYGIENE, type Hygiene, RESOURCE, type ResourceState } from '../domain/state-machine.js';
import { Choice, NameField, Optional, Text } from './fields.js';
import { RESOURCE_TYPES } from './lease.dto.js';
import { ListQuery, pageOf } from './page.dto.js';
import { Field, Maybe, Nullable, NullableWhen, OneOf, When } from './response-fields.js';

const STATES = Object.keys(RESOURCE);

export class ResourceQuery extends ListQuery {
  @Optional()
  @Choice(STATES, 'In this state.')
  state?: ResourceState;

  @Optional()
  @Choice(RESOURCE_TYPES, 'Of this type.')
  type?: ResourceType;

  @Optional()
  @NameField('Of this blueprint.')
  blueprint?: string;

  @Optional()
  @NameField('In this tier.')
  tier?: string;
}

/** A thing a blueprint built. */
export class Resource {
  @Field() id!: string;
  @OneOf(RESOURCE_TYPES) type!: ResourceType;
  @OneOf(STATES) state!: ResourceState;
  @OneOf(Object.keys(HYGIENE), 'Only a clean one is handed out.') hygiene!: Hygiene;
  @Field() tier!: string;
  @Field() blueprint!: string;
  @Maybe('Id of the host lease that a working copy stands on.') host?: string;
  @Maybe('Name of the machine, where its blueprint lists several.') place?: string;
  @Field('Leases granted on it so far.') uses!: number;
  @Field('Leases on it now.') leases!: number;
  @Field('Grows with each grant.') fence!: number;
  @Field('A cordoned one serves no new lease.') cordoned!: boolean;
  @Maybe(
    'Where its machine did not answer when it was last asked, why, as a code: `unreachable`, `host-key-changed`. It serves no new lease until it does.',
  )
  silent?: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'The isolation as read back from the engine.',
  })
  verified!: Record<string, unknown> | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'What it holds: repository addresses by directory.',
  })
  contents!: Record<string, string>;
  @Nullable('string') lastConsumer!: string | null;
  @Nullable('string', 'Why it ended.') reason!: string | null;
  @When() createdAt!: Date;
  @NullableWhen() activeAt!: Date | null;
  @NullableWhen() lastUsedAt!: Date | null;
  @NullableWhen() endedAt!: Date | null;
}

export class ReleaseResourceBody {
  @Optional()
  @Text(
    1000,
    'What it stands on is gone for good, and this is how you know: it is given up, with what stands on it, and nothing more is done there. What turns up all the same is swept.',
  )
  gone?: string;
}

export class ResourcePage extends pageOf(Resource) {}

/** The handle is left out: it is between the broker and the driver. */
export function toResource(view: ResourceView): Resource {
  const { id, type, state, hygiene, tier, blueprint, hostLeaseId, place, uses, leases, fence } = view;
  const {
    cordoned,
    silent,
    verified,
    contents,
    lastConsumer,
    reason,
    createdAt,
    activeAt,
    lastUsedAt,
    endedAt,
  } = view;
  return {
    id,
    type,
    state,
    hygiene,
    tier,
    blueprint,
    ...(hostLeaseId !== null && { host: hostLeaseId }),
    ...(place !== null && { place }),
    uses,
    leases,
    fence,
    cordoned,
    ...(silent !== null && { silent }),
    verified,
    contents,
    lastConsumer,
    reason,
    createdAt,
    activeAt,
    lastUsedAt,
    endedAt,
  };
}
