import { describe, expect, it } from '@jest/globals';
import { checkHistory } from './check-history.js';
import type { History, LogEvent, Note } from './history.js';

/** Two hosts of `box` that take one lease, and one machine of `fleet` that takes two; leases a, b, c and d of one consumer. */
class Story {
  readonly events: LogEvent[] = [];
  readonly notes: Note[] = [];
  private readonly fences = new Map<string, number>();
  private now = 0;

  built(resource: string, blueprint = 'box'): this {
    return this.log('resource.pending', { resource, blueprint });
  }

  asked(lease: string, wish: { blueprint?: string; consumer?: string; key?: string } = {}): this {
    const { blueprint = 'box', consumer = 'ci', key = `key of ${lease}` } = wish;
    this.notes.push({ kind: 'asked', key, consumer, type: 'host', blueprint, priority: 0 });
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

  released(lease: string, resource: string, reason = 'released'): this {
    this.notes.push({ kind: 'ends', lease, at: this.tick(), how: 'released' });
    this.log('lease.released', { lease, resource, data: { reason } });
    return this.log('lease.destroyed', { lease, resource });
  }

  log(kind: string, fields: Partial<LogEvent>): this {
    this.events.push({
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

  faults({ live = [] as string[], patience = 10 } = {}): string[] {
    const limits = {
      box: { resources: 2, leasesPerResource: 1 },
      fleet: { resources: 1, leasesPerResource: 2 },
    };
    const history: History = { events: this.events, notes: this.notes, limits, live, patience };
    return checkHistory(history);
  }

  private tick(): number {
    this.now += 1;
    return this.now;
  }
}

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

  it('of a shared resource, a lease that lives, and one that was left to expire', () => {
    const fleet = { blueprint: 'fleet' };
    const good = story()
      .asked('a', fleet)
      .granted('a', 'm1', fleet)
      .asked('b', fleet)
      .granted('b', 'm1', fleet);
    good.notes.push({ kind: 'ends', lease: 'a', at: 10, how: 'left' });
    good.notes.push({ kind: 'ends', lease: 'b', at: 10, how: 'left' });
    good.log('lease.released', { lease: 'a', resource: 'm1', data: { reason: 'expired' } });
    good.log('lease.destroyed', { lease: 'a', resource: 'm1' });
    expect(good.faults({ live: ['b'] })).toEqual([]);
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
    expect(
      story().log('resource.destroyed', { resource: 'r1', blueprint: 'box' }).built('r3').faults(),
    ).toEqual([]);
  });

  it('a resource is destroyed while held', () => {
    const bad = story().asked('a').granted('a', 'r1');
    bad.log('resource.destroyed', { resource: 'r1', blueprint: 'box' }).released('a', 'r1');
    expect(bad.faults()).toEqual(['r1 was destroyed while held by a']);
  });

  it('a lease has no end and is not there', () => {
    expect(story().asked('a').faults()).toEqual(['lease a was lost']);
    expect(
      story()
        .asked('a')
        .faults({ live: ['a'] }),
    ).toEqual([]);
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
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1', 'expired');
    expect(bad.faults()).toEqual(['a was released by its holder, and by the log it was expired']);
    const broken = story().asked('a').granted('a', 'r1').released('a', 'r1');
    broken.log('lease.broken', { lease: 'a', resource: 'r1', data: { reason: 'resource-lost' } });
    expect(broken.faults()).toEqual([
      'a was released by its holder, and by the log it was broken: resource-lost',
    ]);
  });

  it('a holder’s log stops', () => {
    const bad = story().asked('a').granted('a', 'r1').released('a', 'r1');
    bad.notes.pop();
    expect(bad.faults()).toEqual(['the holder of a wrote no end']);
  });

  it('a request that was sent again got a second lease', () => {
    const bad = story().asked('a', { key: 'k' }).asked('b', { key: 'k' });
    expect(bad.faults({ live: ['a', 'b'] })).toEqual(['key k got two leases: a and b']);
    const silent = story().asked('a').log('lease.pending', { lease: 'x', consumer: 'ci' });
    expect(silent.faults({ live: ['a', 'x'] })).toEqual([
      'lease x was made for nobody: no caller was answered with it',
    ]);
  });

  it('two requests got one lease, or one that the log does not know', () => {
    const bad = story().asked('a', { key: 'k' });
    bad.notes.push({ kind: 'answered', key: 'l', lease: 'a' });
    expect(bad.faults({ live: ['a'] })).toEqual(['lease a was given to two keys: k and l']);
    const unknown = story();
    unknown.asked('a').events.pop();
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

  it('one waits while its equals are served again and again', () => {
    const bad = story().asked('a');
    for (const lease of ['b', 'c', 'd'])
      bad.asked(lease, { consumer: 'deploy' }).granted(lease, 'r1').released(lease, 'r1');
    bad.granted('a', 'r1').released('a', 'r1');
    expect(bad.faults({ patience: 2 })).toEqual(['a was starved: 3 equals were served while it waited']);
    expect(bad.faults({ patience: 3 })).toEqual([]);
  });
});
