import type { Schemas } from '../client/client.js';
import { type Approver, type Consumer, must, type Ran, refusal } from './actors.js';
import type { Transcript } from './transcript.js';

type Lease = Schemas['Lease'];

/** What the steps are made of: each does one thing, says it, and sees that it is as it should be. */
export class Scenes {
  constructor(readonly say: Transcript) {}

  approve(by: Approver, object: string, blueprint: string): Promise<Schemas['Authorization']> {
    return this.say.did(
      () => by.approve(object, blueprint),
      ({ grants }) => [
        'approved',
        `${object} → ${blueprint}, by ${by.name}; it grants ${grants.join(' and ')}`,
      ],
    );
  }

  /** Waits until what was requested is active. */
  lease(consumer: Consumer, active: () => Promise<Lease>, word = 'leased'): Promise<Lease> {
    return this.say.did(active, ({ resource, blueprint, fence }) => [
      word,
      `${resource} of ${blueprint}, by ${consumer.name}, fence ${fence}`,
    ]);
  }

  /** @param expected `exit N`, or the state that the command ends in. @returns its output */
  async run(
    consumer: Consumer,
    lease: Lease,
    body: Schemas['CommandBody'],
    expected = 'exit 0',
  ): Promise<string> {
    const ran = await this.say.did(
      () => consumer.run(lease, body),
      (ended) => [outcome(ended), words(body)],
    );
    this.say.block(ran.output || '(no output)');
    must(outcome(ran) === expected, `It should have ended in ${expected}.`);
    return ran.output;
  }

  async release(consumer: Consumer, lease: Lease): Promise<void> {
    const { ended } = await this.say.did(
      () => consumer.release(lease),
      ({ id }) => ['released', `${id}, by ${consumer.name}`],
    );
    must(ended === 'released', `The lease ended as ${ended}.`);
  }

  async refused(what: string, expected: Schemas['ErrorCode'], act: () => Promise<unknown>): Promise<void> {
    const { code, detail } = await this.say.did(
      () => refusal(act()),
      (problem) => ['refused', `${what}: ${problem.status} ${problem.code}`],
    );
    this.say.block(detail);
    must(code === expected, `It should be refused as ${expected}.`);
  }
}

function outcome({ state, exitCode }: Ran): string {
  return state === 'exited' ? `exit ${exitCode}` : state;
}

function words({ argv, shell, timeout }: Schemas['CommandBody']): string {
  return `${argv?.join(' ') ?? shell}${timeout ? `   (allowed ${timeout})` : ''}`;
}
