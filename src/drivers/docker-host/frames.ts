import type { OutputStream } from '../../domain/command.js';

export interface Frame {
  stream: OutputStream;
  chunk: Buffer;
}

const HEADER_BYTES = 8;

/**
 * Takes apart the engine's stream of stdout and stderr: each frame a byte for its stream, three of nothing, four of
 * length, then that much. Pulled, so that a slow reader holds the process back; dockerode's own demultiplexer pushes.
 * A frame's bytes are passed on as they come, never gathered; but what one piece of the source has of a stream in a row
 * is passed on as one, moved together within that piece, which is then the reader's: each costs the same on its way,
 * however small.
 */
export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let header: Buffer = Buffer.alloc(0);
  let left = 0;
  let stream: OutputStream = 'stdout';
  for await (const piece of source) {
    let [from, to] = [0, 0];
    for (let at = 0; at < piece.length; ) {
      if (left > 0) {
        const length = Math.min(left, piece.length - at);
        if (from === to) from = to = at;
        else piece.copyWithin(to, at, at + length);
        to += length;
        at += length;
        left -= length;
      } else {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, piece.subarray(at, at + missing)]);
        at += missing;
        if (header.length < HEADER_BYTES) break;
        const next = header[0] === 2 ? 'stderr' : 'stdout';
        if (next !== stream && from < to) {
          yield { stream, chunk: piece.subarray(from, to) };
          from = to;
        }
        stream = next;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      }
    }
    if (from < to) yield { stream, chunk: piece.subarray(from, to) };
  }
}
