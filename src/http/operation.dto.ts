import { Matches } from 'class-validator';
import { JSONSchema } from 'class-validator-jsonschema';
import type { Operation as OperationRecord } from '../broker/operation.service.js';
import { OPERATION, type OperationState } from '../domain/state-machine.js';
import { Choice, NameField, Optional, Part, Text } from './fields.js';
import { ListQuery, pageOf } from './page.dto.js';
import { Field, Maybe, MaybeAnything, NullableWhen, OneOf, When } from './response-fields.js';

const STATES = Object.keys(OPERATION);

export class SourceBody {
  @Text(2000, 'Repository that holds the change.')
  uri!: string;

  @Text(500, 'The change.')
  ref!: string;
}

export class OperationBody {
  @Choice(['land'], '`land`: squash-merge and push.')
  type!: 'land';

  @Optional()
  @NameField('For whom; only an admin names one.')
  consumer?: string;

  @Text(2000, 'Repository to push to.')
  repository!: string;

  @Part(() => SourceBody, 'The change to land.')
  source!: SourceBody;

  @Text(500, 'Branch to land it on.')
  target!: string;

  @Text(100_000, 'Commit message.')
  message!: string;

  @Text(500, 'Author of the commit, as in `Ada Lovelace <ada@example.org>`.')
  author!: string;

  @Optional()
  @Matches(/^([0-9a-f]{40}|[0-9a-f]{64})$/, { message: 'must be a full commit id in lower-case hex' })
  @JSONSchema({ description: 'The target must stand at this commit, or nothing is done.' })
  expect?: string;
}

export class OperationQuery extends ListQuery {
  @Optional()
  @Choice(STATES, 'In this state.')
  state?: OperationState;

  @Optional()
  @NameField('For this consumer.')
  consumer?: string;
}

export class OperationSource {
  @Field() uri!: string;
  @Field() ref!: string;
}

/** A repository change made for someone by high-trust automation. */
export class Operation {
  @Field() id!: string;
  @OneOf(['land']) type!: 'land';
  @Field() consumer!: string;
  @OneOf(STATES) state!: OperationState;
  @Field() repository!: string;
  @Field() source!: OperationSource;
  @Field() target!: string;
  @Field() message!: string;
  @Field() author!: string;
  @Maybe() expect?: string;
  @Maybe('Id of the lease that it works on.') lease?: string;
  @MaybeAnything('The commit made, or what failed.') result?: Record<string, unknown>;
  @When() createdAt!: Date;
  @NullableWhen() endedAt!: Date | null;
  @NullableWhen() dismissedAt!: Date | null;
}

export class OperationPage extends pageOf(Operation) {}

export function toOperation(record: OperationRecord): Operation {
  const { id, type, consumer, state, repository, source, target, message, author, expect } = record;
  const { leaseId, result, createdAt, endedAt, dismissedAt } = record;
  return {
    id,
    type,
    consumer,
    state,
    repository,
    source: { uri: source.uri, ref: source.ref },
    target,
    message,
    author,
    ...(expect && { expect }),
    ...(leaseId && { lease: leaseId }),
    ...(result && { result }),
    createdAt,
    endedAt,
    dismissedAt,
  };
}
