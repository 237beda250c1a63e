import type { BlueprintView } from '../broker/catalogue.service.js';
import { PROVIDES, REUSE, type Reuse } from '../domain/blueprint.js';
import { pageOf } from './page.dto.js';
import { Anything, Field, Nullable, NullableWhen, OneOf, When } from './response-fields.js';
import { duration } from './times.js';

export class BlueprintLimits {
  @Field('Most live resources at a time.') resources!: number;
  @Field('Most live leases on one resource.') leasesPerResource!: number;
}

/** A declared way to build and hand out resources of one type, in one tier. */
export class Blueprint {
  @Field() name!: string;
  @OneOf(Object.keys(PROVIDES)) type!: string;
  @Field() tier!: string;
  @Field('A disabled one serves no new lease.') enabled!: boolean;
  @Field() limits!: BlueprintLimits;
  @OneOf(REUSE, 'Who may get a resource after its first lease.') reuse!: Reuse;
  @Field('Free resources to hold ready.') warm!: number;
  @Nullable('string', 'Duration; a resource older than this is retired between leases.')
  maxAge!: string | null;
  @Nullable('integer', 'A resource is retired after so many leases.') maxUses!: number | null;
  @Nullable('string', 'Duration; a resource idle this long may be reclaimed.') idleAfter!: string | null;
  @Anything('As its driver reads it.') spec!: Record<string, unknown>;
  @Field('Builds that failed since the last that did not; those begun side by side count as one.')
  failures!: number;
  @NullableWhen('When a build is tried again.') retryAt!: Date | null;
  @Nullable('string') lastFailure!: string | null;
  @Field('Live resources.') live!: number;
  @Field('Those of them that a lease could get at once.') free!: number;
  @When() createdAt!: Date;
}

export class BlueprintPage extends pageOf(Blueprint) {}

export function toBlueprint(view: BlueprintView): Blueprint {
  const { name, type, tier, enabled, limits, reuse, warm, maxUses, spec } = view;
  const { failures, retryAt, lastFailure, live, free, createdAt } = view;
  return {
    name,
    type,
    tier,
    enabled,
    limits: { resources: limits.resources, leasesPerResource: limits.leasesPerResource },
    reuse,
    warm,
    maxAge: duration(view.maxAgeSeconds),
    maxUses,
    idleAfter: duration(view.idleAfterSeconds),
    spec,
    failures,
    retryAt,
    lastFailure,
    live,
    free,
    createdAt,
  };
}
