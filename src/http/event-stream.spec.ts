import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { encode, eventStream, type Message } from './event-stream.js';

async function* messages(count: number, fail = false): AsyncGenerator<Message> {
  for (let id = 1; id <= count; id += 1) yield { id: String(id), event: 'tick', data: { id } };
  if (fail) throw new Error('gone');
}

const NEVER = new AbortController().signal;

describe('eventStream', () => {
  it('sends each message and ends with the last', async () => {
    const sent = await text(eventStream(messages(2), NEVER));
    expect(sent).toBe(
      ': berth\n\nevent: tick\nid: 1\ndata: {"id":1}\n\nevent: tick\nid: 2\ndata: {"id":2}\n\n',
    );
  });

  it('breaks off where the messages fail, so that the end is not taken for the end', async () => {
    await expect(text(eventStream(messages(1, true), NEVER))).rejects.toThrow('gone');
  });

  it('takes no more messages than the reader reads', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<Message> {
      for (;;) {
        taken += 1;
        yield { data: 'x'.repeat(1000) };
      }
    }
    const abort = new AbortController();
    const stream = eventStream(endless(), abort.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(taken).toBeLessThan(200);
    abort.abort();
    await text(stream);
  });

  it('tells a place without data in a way that counts for who goes on from it', () => {
    expect(encode({ id: '9-0' })).toBe(': at 9-0\nid: 9-0\n\n');
  });

  it('keeps line breaks of the data out of the framing', () => {
    expect(encode({ data: 'a\n\nid: 9\r' })).toBe('data: "a\\n\\nid: 9\\r"\n\n');
  });
});
