import { describe, expect, it } from '@jest/globals';
import { ago, authorization, blueprint, consumer, NOON } from '../../test/support/builders.js';
import {
  type Authorization,
  type DecisionFacts,
  decisionFault,
  type EdgeState,
  Edges,
  edgeState,
  isUsable,
  reachable,
} from './authorization.js';

describe('an authorization', () => {
  const usable = (facts: Partial<Authorization>) => isUsable(authorization(facts), NOON);
  const means = (facts: Partial<Authorization>) => edgeState(authorization(facts), NOON);

  it('is usable while its object lists the blueprint and it is authorized', () => {
    expect(usable({ state: 'authorized' })).toBe(true);
    expect(usable({ state: 'authorized', objectState: 'inactive' })).toBe(false);
    for (const state of ['requested', 'declined', 'expired'] as const) expect(usable({ state })).toBe(false);
  });

  it('is no longer usable at the time it expires', () => {
    expect(usable({ state: 'authorized', expiresAt: ago(-1) })).toBe(true);
    expect(usable({ state: 'authorized', expiresAt: NOON })).toBe(false);
  });

  it('is worth waiting for unless it was declined or is not listed', () => {
    expect(means({ state: 'authorized' })).toBe('usable');
    expect(means({ state: 'requested' })).toBe('awaiting');
    expect(means({ state: 'expired' })).toBe('awaiting');
    expect(means({ state: 'authorized', expiresAt: NOON })).toBe('awaiting');
    expect(means({ state: 'declined' })).toBe('declined');
    expect(means({ state: 'requested', objectState: 'inactive' })).toBe('declined');
  });
});

describe('the chain of authorizations', () => {
  const chain = (first: EdgeState | undefined, beneath: Record<string, EdgeState>) => {
    const edges = Object.entries(beneath).map(([host, state]) => ({
      object: { kind: 'blueprint', name: 'a' } as const,
      blueprint: host,
      state,
    }));
    const own = first ? [{ object: consumer('step'), blueprint: 'a', state: first }] : [];
    return new Edges([...own, ...edges]).chain(consumer('step'), 'a', Object.keys(beneath));
  };

  it('is as good as its worst link', () => {
    expect(chain('usable', { b: 'usable' })).toBe('usable');
    expect(chain('usable', { b: 'awaiting' })).toBe('awaiting');
    expect(chain('awaiting', { b: 'usable' })).toBe('awaiting');
    expect(chain('usable', { b: 'declined' })).toBe('declined');
    expect(chain('declined', { b: 'usable' })).toBe('declined');
  });

  it('needs one of the hosts that it could stand on', () => {
    expect(chain('usable', { b: 'declined', c: 'usable' })).toBe('usable');
    expect(chain('usable', { b: 'declined', c: 'awaiting' })).toBe('awaiting');
  });

  it('ends at a blueprint that stands on nothing', () => {
    expect(chain('usable', {})).toBe('usable');
  });

  it('is declined where nobody asked', () => {
    expect(chain(undefined, {})).toBe('declined');
    expect(new Edges([]).beneath('a', ['b'])).toBe('declined');
  });
});

describe('what an approval grants', () => {
  it('is everything reachable through it, itself first and each once', () => {
    const standsOn = new Map([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d', 'a']],
    ]);
    expect(reachable('a', standsOn)).toEqual(['a', 'b', 'd', 'c']);
    expect(reachable('d', standsOn)).toEqual(['d']);
  });
});

describe('deciding an authorization', () => {
  const person = (name: string, ...roles: { role: 'admin' | 'approver' | 'viewer'; tiers?: string[] }[]) =>
    ({ kind: 'person', name, roles }) as const;
  const facts = ({ authorization: edge, ...rest }: Partial<DecisionFacts> = {}): DecisionFacts => ({
    principal: person('ada', { role: 'approver' }),
    authorization: edge ?? authorization({ state: 'requested', requestedBy: 'bob' }),
    objectTier: blueprint().tier,
    blueprintTier: blueprint().tier,
    profile: { fourEyes: true },
    ...rest,
  });
  const code = (given: Partial<DecisionFacts>, decision: Parameters<typeof decisionFault>[1] = 'approve') =>
    decisionFault(facts(given), decision)?.code;

  it('takes the role on the tier of the blueprint', () => {
    expect(code({})).toBeUndefined();
    expect(code({ principal: person('ada', { role: 'admin' }) })).toBeUndefined();
    expect(code({ principal: person('ada', { role: 'approver', tiers: ['low'] }) })).toBeUndefined();
    expect(code({ principal: person('ada', { role: 'approver', tiers: ['high'] }) })).toBe('forbidden');
    expect(code({ principal: person('ada', { role: 'viewer' }) })).toBe('forbidden');
    expect(code({ principal: { kind: 'consumer', name: 'ada' } })).toBe('forbidden');
    expect(code({ principal: person('ada', { role: 'viewer' }) }, 'revoke')).toBe('forbidden');
  });

  it('never approves across tiers, whoever asks, but takes away', () => {
    const crossing = { principal: person('root', { role: 'admin' }), objectTier: 'high' };
    expect(code(crossing)).toBe('cross-tier');
    expect(code(crossing, 'decline')).toBeUndefined();
  });

  it("takes four eyes to approve, where the tier's profile says so", () => {
    const bob = { principal: person('bob', { role: 'admin' }) };
    expect(code(bob)).toBe('four-eyes');
    expect(code(bob, 'decline')).toBeUndefined();
    expect(code({ ...bob, profile: { fourEyes: false } })).toBeUndefined();
  });

  it('happens once, and says who did it', () => {
    const approved = authorization({ state: 'authorized', decidedBy: 'eve' });
    const declined = authorization({ state: 'declined', decidedBy: 'eve' });
    const fault = decisionFault(facts({ authorization: approved }), 'approve');
    expect(fault).toMatchObject({ code: 'already-decided', message: expect.stringContaining('by eve') });
    expect(code({ authorization: approved }, 'revoke')).toBeUndefined();
    expect(code({ authorization: declined }, 'revoke')).toBe('already-decided');
    expect(code({ authorization: declined, breakLeases: true }, 'revoke')).toBeUndefined();
    expect(code({ authorization: declined }, 'decline')).toBe('already-decided');
    expect(code({ authorization: declined }, 'approve')).toBeUndefined();
  });
});
