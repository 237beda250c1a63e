import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';

/** One message of a `text/event-stream`. */
export interface Message {
  event?: string;
  id?: string;
  /** Absent: only a place to go on from. */
  data?: unknown;
}

export const EVENT_STREAM = 'text/event-stream';

/** Proxies drop a connection that says nothing; a comment this often keeps it. */
const HEARTBEAT_MS = 15_000;

/**
 * The messages as a stream to send, with heartbeats between them. It ends when they end or when `signal` aborts, and
 * takes no more of them than the reader does. A failure on the way breaks the connection, so that the reader comes
 * back with its last id instead of taking the end for the end.
 */
export function eventStream(messages: AsyncIterable<Message>, signal: AbortSignal): Readable {
  const stream = new PassThrough();
  stream.write(': berth\n\n'); // so that the headers leave at once
  const heartbeat = setInterval(() => stream.write(': still here\n\n'), HEARTBEAT_MS);
  pump(messages, stream, signal)
    .then(() => stream.end())
    .catch((error: unknown) => (signal.aborted ? stream.end() : stream.destroy(error as Error)))
    .finally(() => clearInterval(heartbeat));
  return stream;
}

async function pump(
  messages: AsyncIterable<Message>,
  stream: PassThrough,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of messages) {
    if (signal.aborted) return;
    if (!stream.write(encode(message))) await once(stream, 'drain', { signal });
  }
}

/**
 * JSON has no line breaks of its own, so one `data` line holds it. An `id` without data reaches no listener, but counts;
 * the comment is for readers whose parser drops it.
 */
export function encode({ event, id, data }: Message): string {
  if (data === undefined) return `: at ${id}\nid: ${id}\n\n`;
  const head = [...(event ? [`event: ${event}`] : []), ...(id ? [`id: ${id}`] : [])];
  return [...head, `data: ${JSON.stringify(data)}`, '', ''].join('\n');
}

export function wantsEventStream(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes(EVENT_STREAM) ?? false;
}
