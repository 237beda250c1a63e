import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { HAPPENINGS, type Happening, type History, play } from '../../test/support/model/history.js';
import { must } from '../../test/support/model/invariants.js';
import type { Setup } from '../../test/support/model/world.js';
import { REUSE } from './blueprint.js';

const kind = {
  reuse: fc.constantFrom(...REUSE),
  resources: fc.integer({ min: 1, max: 3 }),
  leasesPerResource: fc.integer({ min: 1, max: 2 }),
  warm: fc.integer({ min: 0, max: 1 }),
  maxUses: fc.constantFrom(null, 2),
  idleAfterSeconds: fc.constantFrom(null, 0, 60),
};

function setups(facts: Partial<Setup> = {}): fc.Arbitrary<Setup> {
  return fc
    .record({
      hosts: fc.record(kind),
      copies: fc.record(kind),
      fourEyes: fc.boolean(),
      approved: fc.constantFrom(true, true, true, false),
      oneMachine: fc.constantFrom(false, false, true),
      policy: fc.constantFrom('high', 'low'),
    })
    .map((setup) => ({ ...setup, ...facts }) as Setup);
}

/** What happens often makes deep histories; what happens seldom makes them go wrong. */
const OFTEN: Happening['what'][] = [
  'request',
  'request',
  'request',
  'turns',
  'turns',
  'work',
  'work',
  'fail',
  'run',
  'use',
  'release',
];
const happening: fc.Arbitrary<Happening> = fc.record({
  what: fc.constantFrom(...(Object.keys(HAPPENINGS) as Happening['what'][]), ...OFTEN, ...OFTEN),
  a: fc.nat(23),
  b: fc.nat(5),
});

function histories(minLength: number, maxLength: number) {
  return fc.array(happening, { minLength, maxLength, size: 'max' });
}

describe('whatever happens', () => {
  it('the invariants of the domain hold after every step', () => {
    fc.assert(
      fc.property(setups(), histories(30, 60), (setup, happenings) => {
        play(setup, happenings);
      }),
      { numRuns: 1500 },
    );
  }, 240_000);

  it('everyone who can be served is, once it becomes quiet', () => {
    fc.assert(
      fc.property(setups({ oneMachine: false }), histories(30, 50), (setup, happenings) => {
        settle(play(setup, happenings));
      }),
      { numRuns: 700 },
    );
  }, 240_000);
});

/** Nothing fails any more, holders release, blueprints and resources are free to use: then only approvals are waited for. */
function settle(history: History): void {
  const { world } = history;
  for (const resource of world.resources) resource.cordoned = false;
  for (const blueprint of world.blueprints.values()) blueprint.enabled = true;
  const waiting = () =>
    world.leases.filter(({ state, forResource }) => state === 'pending' && forResource === null);
  const served = () => waiting().every((lease) => lease.waiting === 'awaiting-authorization');
  for (let round = 0; round < 40; round += 1) {
    HAPPENINGS.pass(history, 1, 9);
    history.run();
    if (served()) return;
    for (let held = 0; held < 3; held += 1) {
      HAPPENINGS.use(history, 0);
      HAPPENINGS.release(history, 0);
    }
  }
  must(false, `never served: ${waiting().map(({ id, waiting: reason }) => `${id} ${reason}`)}`);
}
