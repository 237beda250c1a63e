import { ApiProperty } from '@nestjs/swagger';
import { ISOLATION_POLICIES, ISOLATION_RULES } from '../domain/isolation.js';
import { Field, OneOf, Strings } from './response-fields.js';

const RULES = Object.keys(ISOLATION_RULES);

export class IsolationWaiver {
  @OneOf(RULES) rule!: string;
  @Field('`machine/…`, `blueprint/…`, `tier/…`, or `*` for all.') subject!: string;
  @Field() reason!: string;
}

export class IsolationFinding {
  @OneOf(['violation', 'waived', 'notice']) severity!: string;
  @OneOf(RULES) rule!: string;
  @Strings() subjects!: string[];
  @Field() message!: string;
}

/** Two that can touch each other's work. */
export class IsolationInterference {
  @Field('`tier/…` or `blueprint/…`.') a!: string;
  @Field('The same where it is the leases of one among themselves.') b!: string;
  @Field('What they meet on.') through!: string;
  @Field('The setting, policy or waiver that lets them.') allowedBy!: string;
}

/** Who can touch whose work, and through what. */
export class IsolationReport {
  @OneOf(ISOLATION_POLICIES) policy!: string;
  @ApiProperty({ type: [IsolationWaiver] }) waivers!: readonly IsolationWaiver[];
  @ApiProperty({ type: [IsolationFinding] }) findings!: readonly IsolationFinding[];
  @ApiProperty({ type: [IsolationInterference] }) interference!: readonly IsolationInterference[];
}
