import { describe, expect, it } from '@jest/globals';
import { ago, NOON } from '../../test/support/builders.js';
import { type Look, ORPHAN_SECONDS, SECOND_LOOK_SECONDS, type Sighting, suspects } from './sweep.js';

const thing = (resourceId: string, facts = {}) => ({
  resourceId,
  name: `thing ${resourceId}`,
  place: null,
  alive: true,
  ...facts,
});
const host = (id: string, place: string | null = null, idle = false) => ({ id, place, idle });
const sighting = (kind: Sighting['kind'], resourceId: string, firstSeenAt: Date) => ({
  kind,
  resourceId,
  name: `thing ${resourceId}`,
  firstSeenAt,
});
const look = (facts: Partial<Look>) =>
  suspects({ found: [], silent: [], expected: [], wanted: [], sightings: [], ...facts }, NOON);

describe('a look at what exists', () => {
  it('suspects nothing where things and rows agree', () => {
    expect(look({ found: [thing('a')], expected: [host('a')], wanted: ['a'] })).toEqual([]);
  });

  it('leaves alone what is wanted and not to be found yet: it is just being built or ended', () => {
    expect(look({ found: [thing('a')], wanted: ['a'] })).toEqual([]);
  });

  it('suspects what no row wants, and does nothing about it the first time', () => {
    expect(look({ found: [thing('a')] })).toEqual([
      {
        kind: 'orphan',
        resourceId: 'a',
        name: 'thing a',
        place: null,
        since: null,
        ripeAt: null,
        isRipe: false,
      },
    ]);
  });

  it.each([
    [ORPHAN_SECONDS - 1, false],
    [ORPHAN_SECONDS, true],
  ])('knows an orphan that was seen %d s ago: ripe %p', (seconds, isRipe) => {
    const sightings = [sighting('orphan', 'a', ago(seconds))];
    expect(look({ found: [thing('a')], sightings })).toMatchObject([{ since: ago(seconds), isRipe }]);
  });

  it.each([
    [SECOND_LOOK_SECONDS - 1, false],
    [SECOND_LOOK_SECONDS, true],
  ])('knows what was missing %d s ago: ripe %p', (seconds, isRipe) => {
    const sightings = [sighting('missing', 'a', ago(seconds))];
    expect(look({ expected: [host('a')], sightings })).toMatchObject([{ kind: 'missing', isRipe }]);
  });

  it('takes what does not run any more for missing, and not for an orphan', () => {
    const dead = thing('a', { alive: false });
    expect(look({ found: [dead], expected: [host('a')], wanted: ['a'] })).toMatchObject([
      { kind: 'missing', resourceId: 'a', since: null },
    ]);
  });

  it('gives an idle host that is missing up at once', () => {
    expect(look({ expected: [host('a', null, true)] })).toMatchObject([
      { kind: 'missing', since: null, ripeAt: NOON, isRipe: true },
    ]);
  });

  it('takes what an orphan was suspected of for no second look at a missing one', () => {
    const sightings = [sighting('orphan', 'a', ago(1000))];
    expect(look({ expected: [host('a')], sightings })).toMatchObject([{ kind: 'missing', isRipe: false }]);
  });

  it('says nothing of machines that did not answer', () => {
    const expected = [host('a', 'one'), host('b', 'two')];
    expect(look({ expected, silent: ['one'] })).toMatchObject([{ resourceId: 'b', place: 'two' }]);
  });

  it('destroys what is in two places in one after the other, that seen before first', () => {
    const found = [thing('a', { name: 'other', place: 'one' }), thing('a', { place: 'two' })];
    expect(look({ found })).toMatchObject([{ name: 'other' }]);
    const sightings = [sighting('orphan', 'a', ago(ORPHAN_SECONDS))];
    expect(look({ found, sightings })).toMatchObject([{ name: 'thing a', place: 'two', isRipe: true }]);
  });
});
