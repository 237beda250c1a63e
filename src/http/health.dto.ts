import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ISOLATION_POLICIES } from '../domain/isolation.js';
import { PersonRole } from './person.dto.js';
import { Field, Maybe, OneOf } from './response-fields.js';

export class Liveness {
  @OneOf(['ok']) status!: 'ok';
}

export class Check {
  @Field() name!: string;
  @Field() ok!: boolean;
  @Maybe() detail?: string;
}

export class Readiness {
  @Field() ready!: boolean;
  @ApiProperty({ type: [Check] }) checks!: Check[];
}

export class Info {
  @Field('Of the broker.') version!: string;
  @Field('Id of this installation.') broker!: string;
  @OneOf(ISOLATION_POLICIES) isolation!: string;
}

/** Whose token it is. */
export class WhoAmI {
  @OneOf(['person', 'consumer']) kind!: string;
  @Field() name!: string;
  @ApiPropertyOptional({ type: [PersonRole], description: 'Of a person.' }) roles?: PersonRole[];
  @Field() broker!: Info;
}
