import { describe, expect, it } from '@jest/globals';
import { messagesOf, resuming } from './event-source.js';
import { ProblemError } from './problem-error.js';

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* cut(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  throw new Error('connection reset');
}

describe('messagesOf', () => {
  it('puts messages together that come in pieces, within a character too', async () => {
    const bytes = Buffer.from('id: 1\ndata: "ä"\n\n: heartbeat\n\nid: 2\ndata: 2\n\n');
    const single = [...bytes].map((byte) => Uint8Array.of(byte));
    async function* one() {
      yield* single;
    }
    const found = [];
    for await (const { id, data } of messagesOf(one())) found.push({ id, data });
    expect(found).toEqual([
      { id: '1', data: '"ä"' },
      { id: '2', data: '2' },
    ]);
  });
});

describe('resuming', () => {
  it('goes on after the last id when the connection is cut', async () => {
    const asked: (string | undefined)[] = [];
    const connect = async (after: string | undefined) => {
      asked.push(after);
      return asked.length === 1 ? cut('id: 1\ndata: a\n\n') : chunks('id: 2\ndata: b\n\n');
    };
    const found: string[] = [];
    for await (const { data } of resuming(connect, undefined)) {
      found.push(data);
      if (found.length === 2) break;
    }
    expect(found).toEqual(['a', 'b']);
    expect(asked).toEqual([undefined, '1']);
  });

  it('goes on after a place that it was told without an event, and shows nobody that', async () => {
    const asked: (string | undefined)[] = [];
    const connect = async (after: string | undefined) => {
      asked.push(after);
      if (asked.length === 1) return cut(': berth\n\n: at 5-0\nid: 5-0\n\n');
      return asked.length === 2
        ? cut('id: 6-1\ndata: a\n\n: at 9-0\nid: 9-0\n\n: still here\n\n')
        : chunks('id: 9-1\ndata: b\n\n');
    };
    const found: string[] = [];
    for await (const { data } of resuming(connect, undefined)) {
      found.push(data);
      if (found.length === 2) break;
    }
    expect(found).toEqual(['a', 'b']);
    expect(asked).toEqual([undefined, '5-0', '9-0']);
  });

  it.each([
    ['could not be opened', new Error('refused')],
    ['is refused', new ProblemError({ status: 404, code: 'not-found', detail: 'No.' })],
  ])('gives up at once where it %s', async (_, error) => {
    const stream = resuming(() => Promise.reject(error), undefined);
    await expect(stream.next()).rejects.toBe(error);
  });
});
