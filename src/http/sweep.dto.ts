import { ApiProperty } from '@nestjs/swagger';
import type { SweepReport as Report } from '../broker/sweep.service.js';
import { Field, Nullable, NullableWhen, OneOf } from './response-fields.js';

/** Something that exists without a live row, or a live row of something that does not exist. */
export class Suspect {
  @OneOf(
    ['orphan', 'missing'],
    'An orphan exists and no live resource wants it: it is destroyed. A missing one is a live resource that is not there, or does not run, any more: it is broken, and its leases end as `resource-lost`.',
  )
  kind!: string;
  @Field('Id of the resource; of an orphan, as its label says.') resource!: string;
  @Field('What it is called where it was found.') name!: string;
  @Field('The blueprint at whose endpoints it was looked for.') blueprint!: string;
  @Nullable('string', 'The machine, where the blueprint has several.') place!: string | null;
  @NullableWhen('Since when it is known to be so; null where no sweep has seen it yet.') since!: Date | null;
  @NullableWhen('When it is acted on, if it is still so then; null where that takes a second look.')
  actsAt!: Date | null;
}

/** An endpoint of which nothing can be said. */
export class Silent {
  @Field() blueprint!: string;
  @Nullable('string', 'The machine; null: the endpoint as a whole.') place!: string | null;
  @Field('Kind of the fault, such as `unreachable` or `host-key-changed`.') code!: string;
  @Field() reason!: string;
}

export class Sweep {
  @Field() blueprint!: string;
  @NullableWhen('When its endpoints were last compared with the rows.') sweptAt!: Date | null;
  @Nullable('string', 'Why they could not be since.') fault!: string | null;
}

/** What exists compared with what the rows say. */
export class SweepReport {
  @ApiProperty({ type: [Suspect] }) suspects!: Suspect[];
  @ApiProperty({ type: [Silent] }) silent!: Silent[];
  @ApiProperty({ type: [Sweep] }) sweeps!: Sweep[];
}

export function toSweepReport({ suspects, silent, sweeps }: Report): SweepReport {
  return {
    suspects: suspects.map(({ kind, resourceId, name, blueprint, place, since, ripeAt }) => ({
      kind,
      resource: resourceId,
      name,
      blueprint,
      place,
      since,
      actsAt: ripeAt,
    })),
    silent,
    sweeps,
  };
}
