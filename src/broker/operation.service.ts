import { isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { type Landing, landingFaults, type Operation } from '../domain/operation.js';
import type { ConsumerStore } from '../store/consumer.store.js';
import type { OperationFilter, OperationStore } from '../store/operation.store.js';
import type { Page } from '../store/page.js';
import { consumerFor } from './access.js';
import { newId } from './ids.js';
import type { Signals } from './signals.js';

export type { Operation } from '../domain/operation.js';

export interface OperationRequest extends Landing {
  type: Operation['type'];
  /** For whom; a consumer's own token needs none. */
  consumer?: string;
}

export interface OperationServiceParts {
  operations: OperationStore;
  consumers: ConsumerStore;
  signals: Signals;
}

/** Repository changes that automation asks for. Carried out by `OperationSteps`. */
export class OperationService {
  constructor(private readonly parts: OperationServiceParts) {}

  /** Requests an operation. Repeating it under the same `id` is safe. */
  async request(
    request: OperationRequest,
    by: Principal,
    { id = newId('op') }: { id?: string } = {},
  ): Promise<Operation> {
    const { operations, signals } = this.parts;
    const { name, kind } = await consumerFor(this.parts.consumers, request.consumer, by);
    if (kind !== 'repository-automation') {
      throw new BrokerError('forbidden', `Operations are for repository-automation; ${name} is a ${kind}.`);
    }
    const { type, repository, source, target, message, author, expect } = request;
    const landing = { repository, source, target, message, author, ...(expect !== undefined && { expect }) };
    const errors = landingFaults(landing);
    if (errors.length > 0)
      throw new BrokerError('impossible', 'The change can not be landed so.', { errors });
    await operations.add({ id, type, consumer: name, request: landing, by: by.name });
    signals.send('events', 'due');
    return this.get(id, by);
  }

  /** One that is not the caller's is not there: another's id answers as an unknown one. */
  async get(id: string, by: Principal): Promise<Operation> {
    const operation = await this.parts.operations.get(id);
    if (!operation || !(mayRead(by) || owns(by, operation))) {
      throw new BrokerError('not-found', `There is no operation ${id}.`);
    }
    return operation;
  }

  /** A consumer sees its own. */
  async list(filter: OperationFilter, by: Principal): Promise<Page<Operation>> {
    if (by.kind === 'consumer') return this.parts.operations.list({ ...filter, consumer: by.name });
    if (!mayRead(by)) throw new BrokerError('forbidden', 'Listing operations needs a role.');
    return this.parts.operations.list(filter);
  }

  /** Takes one that is over off the list of what needs attention, again and again. */
  async dismiss(id: string, by: Principal): Promise<Operation> {
    const { operations, signals } = this.parts;
    const operation = await this.get(id, by);
    const { state } = operation;
    if (!owns(by, operation) && !isAdmin(by))
      throw new BrokerError('forbidden', 'Dismissing needs its consumer or the role admin.');
    if (state !== 'done' && state !== 'failed')
      throw new BrokerError('conflict', `The operation is ${state}; wait until it is over.`);
    if (await operations.dismiss(id, by.name)) signals.send('events');
    return this.get(id, by);
  }
}

function owns(by: Principal, { consumer }: Operation): boolean {
  return by.kind === 'consumer' && by.name === consumer;
}
