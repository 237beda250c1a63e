import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { AttachedAhead } from './attached-ahead.js';
import type { Container } from './container.js';

/** A container that counts who attaches to it. */
function attachable(attach: () => PassThrough = () => new PassThrough()) {
  const streams: PassThrough[] = [];
  const container = {
    attach: async () => {
      const stream = attach();
      streams.push(stream);
      return stream;
    },
  } as unknown as Container;
  return { container, streams };
}

describe('a connection that was opened ahead', () => {
  it('is its lease’s, and given once', async () => {
    const ahead = new AttachedAhead();
    const { container, streams } = attachable();
    ahead.open('lease_1', container);
    expect(await ahead.take('lease_2')).toBeUndefined();
    const taken = await ahead.take('lease_1');
    expect(taken).toBe(streams[0]);
    expect(await ahead.take('lease_1')).toBeUndefined();
    taken?.destroy();
  });

  it('is one, however many commands are expected', async () => {
    const ahead = new AttachedAhead();
    const { container, streams } = attachable();
    ahead.open('lease_1', container);
    ahead.open('lease_1', container);
    await ahead.take('lease_1');
    expect(streams).toHaveLength(1);
  });

  it('is closed where no command comes for it', async () => {
    const ahead = new AttachedAhead();
    const { container, streams } = attachable();
    ahead.open('lease_1', container);
    await once(streams[0] as PassThrough, 'close');
    expect(await ahead.take('lease_1')).toBeUndefined();
  });

  it('is not given once it has broken, or was never there', async () => {
    const ahead = new AttachedAhead();
    const { container, streams } = attachable();
    ahead.open('lease_1', container);
    streams[0]?.destroy();
    expect(await ahead.take('lease_1')).toBeUndefined();
    const refusing = attachable(() => {
      throw new Error('refused');
    });
    ahead.open('lease_1', refusing.container);
    expect(await ahead.take('lease_1')).toBeUndefined();
  });

  it('is closed with all others when the driver is', async () => {
    const ahead = new AttachedAhead();
    const { container, streams } = attachable();
    ahead.open('lease_1', container);
    ahead.open('lease_2', container);
    ahead.closeAll();
    await Promise.all(streams.map((stream) => once(stream, 'close')));
  });
});
