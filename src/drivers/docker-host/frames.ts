import type { OutputStream } from '../../domain/command.js';

export interface Frame {
  stream: OutputStream;
  chunk: Buffer;
}

const HEADER_BYTES = 8;

/**
 * Takes apart the engine's stream of stdout and stderr: each frame a byte for its stream, three of nothing, four of
 * length, then that much. Pulled, so that a slow reader holds the process back; dockerode's own demultiplexer pushes.
 * A frame's bytes are passed on as they come, never gathered.
 */
export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let header: Buffer = Buffer.alloc(0);
  let left = 0;
  let stream: OutputStream = 'stdout';
  for await (let piece of source) {
    while (piece.length > 0) {
      if (left > 0) {
        const chunk = piece.subarray(0, left);
        piece = piece.subarray(chunk.length);
        left -= chunk.length;
        yield { stream, chunk };
      } else {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, piece.subarray(0, missing)]);
        piece = piece.subarray(missing);
        if (header.length < HEADER_BYTES) break;
        stream = header[0] === 2 ? 'stderr' : 'stdout';
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      }
    }
  }
}
