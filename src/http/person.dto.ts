import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ROLES, type Role, type RoleName } from '../domain/consumer.js';
import { Choice, NameList, Optional, Parts } from './fields.js';
import { pageOf } from './page.dto.js';
import { Field, OneOf, When } from './response-fields.js';

export class RoleBody {
  @Choice(ROLES, '`admin`: everything; `approver`: decides authorizations; `viewer`: reads.')
  role!: RoleName;

  @Optional()
  @NameList('Tiers that an approver decides for; left out: all.')
  tiers?: string[];
}

export class PersonBody {
  @Parts(() => RoleBody, 'What they may do; none of them takes every right away.')
  roles!: RoleBody[];
}

export class PersonRole {
  @OneOf(ROLES) role!: RoleName;
  @ApiPropertyOptional({ type: [String], description: 'Tiers that an approver decides for; left out: all.' })
  tiers?: string[];
}

export class Person {
  @Field() name!: string;
  @ApiProperty({ type: [PersonRole] }) roles!: PersonRole[];
  @When() createdAt!: Date;
}

export class PersonPage extends pageOf(Person) {}

export function toPerson({
  name,
  roles,
  createdAt,
}: {
  name: string;
  roles: Role[];
  createdAt: Date;
}): Person {
  return { name, roles, createdAt };
}
