import { ApiPropertyOptional } from '@nestjs/swagger';
import type { AuthorizationView } from '../broker/authorization.service.js';
import { AUTHORIZATION, type AuthorizationState } from '../domain/state-machine.js';
import { Choice, DurationField, Flag, NameField, Optional, Text } from './fields.js';
import { ListQuery, pageOf } from './page.dto.js';
import { Field, Nullable, NullableWhen, OneOf, Strings, When } from './response-fields.js';

const STATES = Object.keys(AUTHORIZATION);

export class AuthorizationQuery extends ListQuery {
  @Optional()
  @Choice(STATES, "The blueprint's side.")
  state?: AuthorizationState;

  @Optional()
  @NameField('Those to use this blueprint.')
  blueprint?: string;

  @Optional()
  @NameField('Those of this consumer.')
  consumer?: string;
}

export class ApproveBody {
  @Optional()
  @Text(1000, 'Why; kept with the authorization.')
  reason?: string;

  @Optional()
  @DurationField('It stops being usable after this time; left out: never.')
  expiresIn?: string;
}

export class DeclineBody {
  @Text(1000, 'Why; kept with the authorization.')
  reason!: string;
}

export class RevokeBody extends DeclineBody {
  @Optional()
  @Flag('Whether current leases that rest on it are broken too; else they go on.')
  breakLeases?: boolean;
}

/** Whose edge it is. */
export class AuthorizationObject {
  @OneOf(['consumer', 'blueprint']) kind!: string;
  @Field() name!: string;
}

/** The edge consumer → blueprint or blueprint → blueprint. */
export class Authorization {
  @Field() id!: string;
  @Field() object!: AuthorizationObject;
  @Field() blueprint!: string;
  @Field() tier!: string;
  @OneOf(['active', 'inactive'], 'The object’s side: active while it lists the blueprint.')
  objectState!: string;
  @OneOf(STATES, 'The blueprint’s side.') state!: AuthorizationState;
  @Field('Active, authorized and not expired.') usable!: boolean;
  @Field() requestedBy!: string;
  @When() requestedAt!: Date;
  @Nullable('string') decidedBy!: string | null;
  @NullableWhen() decidedAt!: Date | null;
  @NullableWhen() expiresAt!: Date | null;
  @Nullable('string') reason!: string | null;
  @Strings('Every blueprint reachable through it.') grants!: string[];
  @ApiPropertyOptional({
    type: [String],
    description:
      'Fields of the blueprint that widened since it was approved, which is why it is requested again.',
  })
  supersededBy?: string[];
}

export class AuthorizationPage extends pageOf(Authorization) {}

export function toAuthorization(view: AuthorizationView): Authorization {
  const { id, object, blueprint, tier, objectState, state, usable, requestedBy, requestedAt } = view;
  const { decidedBy, decidedAt, expiresAt, reason, grants, changes } = view;
  return {
    id,
    object: { kind: object.kind, name: object.name },
    blueprint,
    tier,
    objectState,
    state,
    usable,
    requestedBy,
    requestedAt,
    decidedBy,
    decidedAt,
    expiresAt,
    reason,
    grants,
    ...(changes.length > 0 && { supersededBy: changes }),
  };
}
