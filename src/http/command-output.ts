import type { OutputStream } from '../domain/command.js';
import { type Command, toOutputPiece } from './command.dto.js';
import type { Message } from './event-stream.js';

type Pieces = AsyncIterable<{ seq: number; stream: OutputStream; data: Buffer }>;

/** The bytes themselves, of one stream or of both as they came. */
export async function* plainOutput(pieces: Pieces, only: OutputStream | undefined): AsyncGenerator<Buffer> {
  for await (const { stream, data } of pieces) {
    if (!only || stream === only) yield data;
  }
}

/** The pieces as events, and the record of the command as the last. */
export async function* liveOutput(
  pieces: Pieces,
  only: OutputStream | undefined,
  ended: () => Promise<Command>,
): AsyncGenerator<Message> {
  for await (const piece of pieces) {
    if (only && piece.stream !== only) continue;
    yield { event: piece.stream, id: String(piece.seq), data: toOutputPiece(piece) };
  }
  yield { event: 'end', data: await ended() };
}
