import { describe, expect, it } from '@jest/globals';
import { checkHistory } from './check-history.js';
import type { History, LogEvent, Note, Wish } from './history.js';

/** What a broker's log and its callers tell, each event in a transaction of its own. */
class Story {
  readonly events: LogEvent[];
  readonly notes: Note[];
  private readonly fences = new Map<string, number>();
  private now = 0;

  /** Goes on as another did so far. */
  constructor({ events, notes }: { events: LogEvent[]; notes: Note[] } = { events: [], notes: [] }) {
    this.events = [...events];
    this.notes = [...notes];
  }

  built(resource: string, blueprint = 'box'): this {
    return this.log('resource.pending', { resource, blueprint }).log('resource.active', {
      resource,
      blueprint,
      data: { from: 'pending' },
    });
  }

  gone(resource: string, blueprint = 'box'): this {
    return this.log('resource.released', { resource, blueprint, data: { from: 'active' } }).log(
      'resource.destroyed',
      { resource, blueprint, data: { from: 'released' } },
    );
  }

  asked(lease: string, wish: Partial<Wish> & { key?: string; until?: number } = {}): this {
    const { consumer = 'ci', key = `key of ${lease}` } = wish;
    const usual = { consumer, type: 'host', blueprint: 'box', priority: 0 } as const;
    this.notes.push({ kind: 'asked', ...usual, ...wish, key });
    this.notes.push({ kind: 'answered', key, lease });
    return this.log('lease.pending', { lease, consumer });
  }

  waits(lease: string, reason: string): this {
    return this.log('lease.waiting', { lease, consumer: 'ci', data: { reason } });
  }

  granted(
    lease: string,
    resource: string,
    { blueprint = 'box', fence }: { blueprint?: string; fence?: number } = {},
  ): this {
    const drawn = fence ?? (this.fences.get(resource) ?? 0) + 1;
    this.fences.set(resource, drawn);
    this.notes.push({ kind: 'begins', lease, resource, fence: drawn, at: this.tick() });
    const data = { from: 'pending', fence: drawn };
    return this.log('lease.active', { lease, resource, blueprint, consumer: 'ci', data });
  }

  released(lease: string, resource: string): this {
    this.notes.push({ kind: 'ends', lease, at: this.tick(), how: 'released' });
    return this.over(lease, { resource });
  }

  cancelled(lease: string): this {
    this.notes.push({ kind: 'cancelled', lease });
    return this.over(lease, { reason: 'cancelled' });
  }

  /** By the log alone. */
  over(
    lease: string,
    { how = 'released', reason = how, resource }: { how?: string; reason?: string; resource?: string } = {},
  ): this {
    return this.log(`lease.${how}`, { lease, resource, data: { reason } }).log('lease.destroyed', {
      lease,
      resource,
    });
  }

  /** Asked for by one consumer, granted and released, again and again. */
  served(times: number, consumer: string, resource: string): this {
    for (let nth = 1; nth <= times; nth += 1) {
      const lease = `${consumer}-${nth}`;
      this.asked(lease, { consumer }).granted(lease, resource).released(lease, resource);
    }
    return this;
  }

  log(kind: string, fields: Partial<LogEvent>): this {
    this.events.push({
      transaction: String(this.events.length),
      kind,
      lease: null,
      resource: null,
      blueprint: null,
      consumer: null,
      data: {},
      ...fields,
    });
    return this;
  }

  faults({ live = [] as string[], wanted = 0 } = {}): string[] {
    const limits = {
      box: { resources: 2, leasesPerResource: 1 },
      fleet: { resources: 1, leasesPerResource: 2 },
    };
    const history: History = { events: this.events, notes: this.notes, limits, live, wanted };
    return checkHistory(history);
  }

  private tick(): number {
    this.now += 1;
    return this.now;
  }
}

/** Two hosts of `box` that take one lease, and one machine of `fleet` that takes two. */
const story = () => new Story().built('r1').built('r2').built('m1', 'fleet');

describe('a history without a fault', () => {
  it('of one after the other, beside each other, and waiting', () => {
    const good = story()
      .asked('a')
      .granted('a', 'r1')
      .asked('b')
      .granted('b', 'r2')
      .asked('c')
      .waits('c', 'queued')
      .released('a', 'r1')
      .granted('c', 'r1')
      .released('b', 'r2')
      .released('c', 'r1');
    expect(good.faults()).toEqual([]);
  });

  it('of a shared resource, one that was left to expire, one that expired unseen, and the broker’s own that lives', () => {
    const fleet = { blueprint: 'fleet' };
    const good = story().log('lease.pending', { lease: 'own' }).asked('a', fleet).granted('a', 'm1', fleet);
    good.asked('b', { until: 9 });
    good.notes.push({ kind: 'ends', lease: 'a', at: 8, how: 'left' });
    good.notes.push({ kind: 'missed', lease: 'b', at: 10 });
    const data = { from: 'pending', fence: 1 };
    good.log('lease.active', { lease: 'b', resource: 'r1', blueprint: 'box', consumer: 'ci', data });
    good.over('a', { reason: 'expired', resource: 'm1' }).over('b', { reason: 'expired', resource: 'r1' });
    expect(good.faults({ live: ['own'], wanted: 1 })).toEqual([]);
  });

  it('of one that was cancelled while it waited, or while it was granted', () => {
    const good = story().asked('a').asked('b').cancelled('a');
    const data = { from: 'pending', fence: 1 };
    good.log('lease.active', { lease: 'b', resource: 'r1', blueprint: 'box', consumer: 'ci', data });
    good.notes.push({ kind: 'cancelled', lease: 'b' });
    expect(good.over('b', { resource: 'r1' }).faults()).toEqual([]);
  });

  it('of a lease that lost its resource before it was active, and came first again', () => {
    const good = story().asked('a').asked('b');
    const first = { lease: 'a', resource: 'r1', blueprint: 'box', data: { from: 'pending', fence: 1 } };
    good
      .log('lease.acquired', first)
      .log('lease.pending', { lease: 'a', resource: 'r1', data: { from: 'acquired', reason: 'gone' } })
      .granted('a', 'r2')
      .granted('b', 'r1', { fence: 2 })
      .released('a', 'r2')
      .released('b', 'r1');
    expect(good.faults()).toEqual([]);
  });

  it('of one for whom a resource is built while an equal goes to a shared place', () => {
    const fleet = { blueprint: 'fleet' };
    const good = story()
      .asked('a', fleet)
      .waits('a', 'allocating')
      .asked('b', fleet)
      .granted('b', 'm1', fleet);
    good.released('b', 'm1').granted('a', 'm1', fleet).released('a', 'm1');
    expect(good.faults()).toEqual([]);
  });
});

describe('a history is faulty where', () => {
  it('the log gives one resource to two', () => {
    const bad = story().asked('a').granted('a', 'r1').asked('b').granted('b', 'r1');
    expect(bad.released('a', 'r1').released('b', 'r1').faults()).toContain(
      'r1 was granted to b while held by a',
    );
  });

  it('two holders saw themselves on one resource, though the log has it one after the other', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1').asked('b').granted('b', 'r1');
    bad.released('b', 'r1');
    for (const note of bad.notes) if (note.kind === 'ends' && note.lease === 'a') note.at = 3.5;
    expect(bad.faults()).toEqual(['r1 was held by a and b at one time']);
  });

  it('a shared resource has more leases than it may', () => {
    const fleet = { blueprint: 'fleet' };
    const bad = story();
    for (const lease of ['a', 'b', 'c']) bad.asked(lease, fleet).granted(lease, 'm1', fleet);
    for (const lease of ['a', 'b', 'c']) bad.released(lease, 'm1');
    expect(bad.faults()).toEqual([
      'm1 was granted to c while held by a and b',
      'm1 was held by a and b and c at one time',
    ]);
  });

  it('a blueprint has more resources than it may', () => {
    expect(story().built('r3').faults()).toEqual(['box had 3 resources with r3, and may have 2']);
    expect(story().gone('r1').built('r3').faults()).toEqual([]);
  });

  it('a resource is destroyed while held', () => {
    const bad = story().asked('a').granted('a', 'r1');
    bad.gone('r1').released('a', 'r1');
    expect(bad.faults()).toEqual(['r1 was destroyed while held by a']);
  });

  it('a lease has no end, whether it is there or not', () => {
    const bad = story().asked('a');
    bad.notes.push({ kind: 'cancelled', lease: 'a' });
    expect(bad.faults()).toEqual(['lease a was lost']);
    expect(bad.faults({ live: ['a'] })).toEqual(['lease a is pending for ever']);
    const stuck = story().asked('a').granted('a', 'r1').released('a', 'r1');
    stuck.events.pop();
    expect(stuck.faults({ live: ['a'] })).toEqual(['lease a is released for ever']);
  });

  it.each([1, 0])('a fence goes from 1 to %d', (fence) => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1').asked('b');
    bad.granted('b', 'r1', { fence }).released('b', 'r1');
    expect(bad.faults()).toContain(`the fence of r1 went from 1 to ${fence} at b`);
    expect(bad.faults()).toContain(`b got r1 under fence ${fence} after fence 1`);
  });

  it('a holder holds what it was not granted', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1');
    for (const note of bad.notes) if (note.kind === 'begins') note.resource = 'r2';
    expect(bad.faults()).toEqual(['a holds r2 under fence 1, but was granted r1 under 1']);
  });

  it('a lease is taken from its holder', () => {
    const bad = story().asked('a').granted('a', 'r1');
    bad.notes.push({ kind: 'ends', lease: 'a', at: 2, how: 'released' });
    const broken = new Story(bad);
    expect(bad.over('a', { reason: 'expired', resource: 'r1' }).faults()).toEqual([
      'a was released by its caller, and by the log it was expired',
    ]);
    expect(broken.over('a', { how: 'broken', reason: 'resource-lost', resource: 'r1' }).faults()).toEqual([
      'a was released by its caller, and by the log it was broken: resource-lost',
    ]);
  });

  it.each([
    ['released', 'cancelled', 'cancelled'],
    ['broken', 'revoked', 'broken: revoked'],
  ])('the broker gives up a waiter by itself: it is %s', (how, reason, so) => {
    const bad = story().asked('a').over('a', { how, reason });
    expect(bad.faults()).toEqual([
      'a was never held by its caller',
      `a was kept by its caller, and by the log it was ${so}`,
    ]);
  });

  it('a lease is granted and expires, and its caller never held it', () => {
    const bad = story().asked('a').granted('a', 'r1').over('a', { reason: 'expired', resource: 'r1' });
    bad.notes.pop();
    expect(bad.faults()).toEqual([
      'a was never held by its caller',
      'a was kept by its caller, and by the log it was expired',
    ]);
    bad.notes.push({ kind: 'missed', lease: 'a', at: 5 });
    expect(bad.faults()).toEqual(['a was over before its caller held it, and before its time']);
  });

  it('a lease is granted twice, or again after its end', () => {
    const bad = story().asked('a').granted('a', 'r1').granted('a', 'r1').released('a', 'r1');
    expect(bad.faults()).toContain('a went from active to active');
    const dead = story().asked('a').granted('a', 'r1').released('a', 'r1').granted('a', 'r2');
    expect(dead.released('a', 'r2').faults()).toContain('a went from destroyed to active');
  });

  it('a lease that is held is destroyed, and neither released nor broken before', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1');
    bad.events.splice(-2, 1);
    expect(bad.faults()).toEqual(['a went from active to destroyed']);
  });

  it('a grant is of another blueprint than was asked for', () => {
    const bad = story().asked('a').granted('a', 'm1', { blueprint: 'fleet' }).released('a', 'm1');
    expect(bad.faults()).toEqual(['a asked for box and was granted m1 of fleet']);
    const lie = story().asked('a').granted('a', 'm1').released('a', 'm1');
    expect(lie.faults()).toEqual(['a was granted m1 as of box, which is of fleet']);
  });

  it('a grant is on what was never built, is not built yet, or is over', () => {
    const none = story().asked('a').granted('a', 'r9').released('a', 'r9');
    expect(none.faults()).toEqual(['a was granted r9, which was never built']);
    const early = new Story().log('resource.pending', { resource: 'r1', blueprint: 'box' });
    expect(early.asked('a').granted('a', 'r1').released('a', 'r1').faults()).toEqual([
      'a was granted r1, which is pending',
    ]);
    const late = story().gone('r1').asked('a').granted('a', 'r1').released('a', 'r1');
    expect(late.faults()).toEqual(['a was granted r1, which is destroyed']);
  });

  it('a caller asked and was never answered', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1');
    const type = 'host';
    bad.notes.push({ kind: 'asked', key: 'k', consumer: 'ci', type, blueprint: 'box', priority: 0 });
    expect(bad.faults()).toEqual(['key k was never answered']);
  });

  it('less was held than was to be recorded', () => {
    expect(new Story().faults({ wanted: 1 })).toEqual(['0 holds were recorded of 1 that were wanted']);
  });

  it('a holder’s log stops', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1');
    bad.notes.pop();
    expect(bad.faults()).toEqual([
      'the holder of a wrote no end',
      'a was kept by its caller, and by the log it was released',
    ]);
  });

  it('a request that was sent again got a second lease', () => {
    const bad = story().asked('a', { key: 'k' }).asked('b', { key: 'k' }).cancelled('a').cancelled('b');
    expect(bad.faults()).toEqual(['key k got two leases: a and b']);
    const silent = story().log('lease.pending', { lease: 'x', consumer: 'ci' }).over('x');
    expect(silent.faults()).toEqual(['lease x was made for nobody: no caller was answered with it']);
  });

  it('two requests got one lease, or one that the log does not know', () => {
    const bad = story().asked('a', { key: 'k' });
    const usual = { consumer: 'ci', type: 'host', blueprint: 'box', priority: 0 } as const;
    bad.notes.push({ kind: 'asked', key: 'l', ...usual }, { kind: 'answered', key: 'l', lease: 'a' });
    expect(bad.cancelled('a').faults()).toEqual(['lease a was given to two keys: k and l']);
    const unknown = story();
    unknown.asked('a').events.pop();
    unknown.notes.push({ kind: 'cancelled', lease: 'a' });
    expect(unknown.faults()).toEqual(['lease a was given to a caller and is not in the log']);
  });

  it('an equal of the same consumer that came later is served before', () => {
    const bad = story().asked('a').asked('b').granted('b', 'r1').granted('a', 'r2');
    expect(bad.released('a', 'r2').released('b', 'r1').faults()).toEqual([
      'b was served before a, its equal that came earlier',
    ]);
    const others = story()
      .asked('a')
      .asked('b', { consumer: 'deploy' })
      .granted('b', 'r1')
      .granted('a', 'r2');
    expect(others.released('a', 'r2').released('b', 'r1').faults()).toEqual([]);
  });

  it('a lower priority is served before a higher one that wants the same', () => {
    const bad = story().asked('a', { priority: 5, consumer: 'deploy' }).asked('b').granted('b', 'r1');
    expect(bad.granted('a', 'r2').released('a', 'r2').released('b', 'r1').faults()).toEqual([
      'b was served before a, which has the higher priority',
    ]);
    const other = story().asked('a', { priority: 5 }).asked('b', { blueprint: 'fleet' });
    other.granted('b', 'm1', { blueprint: 'fleet' }).granted('a', 'r1');
    expect(other.released('a', 'r1').released('b', 'm1').faults()).toEqual([]);
  });

  it('a consumer’s waiter is passed by equals of another that was served again and again', () => {
    const bad = story().asked('a').served(500, 'deploy', 'r1').granted('a', 'r1').released('a', 'r1');
    expect(bad.faults()).toContain(`deploy-500 was served before a, whose line was served longer ago`);
    const soon = story().served(1, 'ci', 'r1').asked('a').served(2, 'deploy', 'r1');
    expect(soon.granted('a', 'r1').released('a', 'r1').faults()).toEqual([]);
  });

  it('a consumer that holds more is served before one that is known to hold less', () => {
    const [mine, others] = [{ blueprint: 'fleet' }, { blueprint: 'fleet', consumer: 'deploy' }];
    const both = story()
      .asked('x', others)
      .granted('x', 'm1', mine)
      .asked('y', mine)
      .granted('y', 'm1', mine);
    both.asked('a', { consumer: 'deploy' }).asked('b').released('x', 'm1');
    const end = (story: Story) =>
      story.granted('b', 'r1').granted('a', 'r2').released('b', 'r1').released('a', 'r2').released('y', 'm1');
    const unseen = end(new Story(both));
    expect(unseen.faults()).toEqual([]);
    const seen = end(new Story(both).served(10, 'nightly', 'r2'));
    expect(seen.faults()).toContain(
      'b was served before a, whose consumer held less: 0 at most, not 1 at least',
    );
  });
});
