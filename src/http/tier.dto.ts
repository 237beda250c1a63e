import { ApiProperty } from '@nestjs/swagger';
import { NETWORK, type Network, REUSE, type Reuse } from '../domain/blueprint.js';
import { formatDuration } from '../domain/duration.js';
import type { Tier as TierRecord } from '../domain/tier.js';
import { pageOf } from './page.dto.js';
import { Field, OneOf } from './response-fields.js';

export class Profile {
  @OneOf(REUSE) reuse!: Reuse;
  @OneOf(NETWORK) network!: Network;
  @ApiProperty({ type: [String], nullable: true, description: 'Container runtimes allowed; null: any.' })
  runtimes!: string[] | null;
  @Field('Duration; no expiry is ever further ahead.') maxTtl!: string;
  @Field() maxLeasesPerResource!: number;
  @Field('Whether leases may be given secrets.') secrets!: boolean;
  @Field('Whether whoever declared a consumer’s list is kept from approving it.') fourEyes!: boolean;
}

/** A named trust level, and what its blueprints may be at most. */
export class Tier {
  @Field() name!: string;
  @Field() profile!: Profile;
}

export class TierPage extends pageOf(Tier) {}

export function toTier({ name, profile }: TierRecord): Tier {
  const { maxTtlSeconds, reuse, network, runtimes, maxLeasesPerResource, secrets, fourEyes } = profile;
  const maxTtl = formatDuration(maxTtlSeconds);
  return {
    name,
    profile: { reuse, network, runtimes, maxTtl, maxLeasesPerResource, secrets, fourEyes },
  };
}
