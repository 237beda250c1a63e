import { ApiProperty } from '@nestjs/swagger';
import { Field, Nullable, OneOf, Strings } from './response-fields.js';

/** An invariant that does not hold. */
export class DoctorFinding {
  @Field() name!: string;
  @Nullable('integer', 'Of the invariant in docs/architecture.md; null: the broker’s own bookkeeping.')
  number!: number | null;
  @OneOf(
    ['always', 'at-rest'],
    'Whether it must hold at every instant, or once nothing is under way: what is found of the latter was still so 2 s later, and nobody at work on it.',
  )
  when!: string;
  @Field('What must hold, and does not.') sentence!: string;
  @Field('What to do.') advice!: string;
  @Strings('Ids or names of what breaks it, at most 20.') subjects!: string[];
  @Field('There are more.') more!: boolean;
}

export class Unchecked {
  @Field('Name of the check.') check!: string;
  @Field() reason!: string;
}

/** Whether all that must hold does. */
export class Diagnosis {
  @Field('Everything was checked, and nothing was found.') whole!: boolean;
  @Strings('Names of the checks.') checked!: string[];
  @ApiProperty({ type: [DoctorFinding] }) findings!: DoctorFinding[];
  @ApiProperty({ type: [Unchecked], description: 'What could not be checked, or not everywhere.' })
  unchecked!: Unchecked[];
}
