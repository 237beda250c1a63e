import { setTimeout as sleep } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ProblemError } from './problem-error.js';

/** Comment that says beside an `id` without data, which the parser drops, from where to go on. */
const PLACE = 'at ';

/** Times that a broken stream is taken up again before its fault is believed, a second apart. */
const ATTEMPTS = 30;

/**
 * The messages of an event stream, taken up again after the last one when the connection is cut. A stream that could
 * not be opened at all, or that the broker refuses, throws.
 *
 * @param connect opens the stream after the message of the given id.
 */
export async function* resuming(
  connect: (after: string | undefined) => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  let after: string | undefined;
  let opened = false;
  for (let attempts = 0; ; attempts += 1) {
    try {
      const bytes = await connect(after);
      opened = true;
      const place = (id: string) => {
        after = id;
      };
      for await (const message of messagesOf(bytes, place)) {
        attempts = 0;
        after = message.id ?? after;
        yield message;
      }
    } catch (error) {
      const refused = error instanceof ProblemError && error.status < 500;
      if (refused || !opened || signal?.aborted || attempts >= ATTEMPTS) throw error;
    }
    await sleep(1000, undefined, { signal });
  }
}

/**
 * The messages in bytes that come in any cut.
 *
 * @param onPlace is told where to go on from where there is no message, in the order of the messages
 */
export async function* messagesOf(
  bytes: AsyncIterable<Uint8Array>,
  onPlace: (id: string) => void = () => undefined,
): AsyncGenerator<EventSourceMessage> {
  const arrived: (EventSourceMessage | string)[] = [];
  const parser = createParser({
    onEvent: (message) => arrived.push(message),
    onComment: (comment) => comment.startsWith(PLACE) && arrived.push(comment.slice(PLACE.length)),
  });
  const decoder = new TextDecoder();
  for await (const chunk of bytes) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (const one of arrived.splice(0)) {
      if (typeof one === 'string') onPlace(one);
      else yield one;
    }
  }
}
