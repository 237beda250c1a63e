import type { ConsumerView } from '../broker/catalogue.service.js';
import { CONSUMER_KINDS, type ConsumerKind } from '../domain/consumer.js';
import { pageOf } from './page.dto.js';
import { Field, MaybeAnything, OneOf, Strings, When } from './response-fields.js';

/** What asks for leases. */
export class Consumer {
  @Field() name!: string;
  @OneOf(CONSUMER_KINDS) kind!: ConsumerKind;
  @Field() tier!: string;
  @Strings('Blueprints that it wants to use; each needs an authorization.') blueprints!: string[];
  @MaybeAnything('The CI identities that count as it: issuer, audience, claims.') oidc?: unknown;
  @Field('Who declared the list last.') declaredBy!: string;
  @When() createdAt!: Date;
}

export class ConsumerPage extends pageOf(Consumer) {}

export function toConsumer(view: ConsumerView): Consumer {
  const { name, kind, tier, blueprints, oidc, declaredBy, createdAt } = view;
  return { name, kind, tier, blueprints, ...(oidc !== null && { oidc }), declaredBy, createdAt };
}
