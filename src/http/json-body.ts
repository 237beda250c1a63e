import type { FastifyInstance } from 'fastify';
import { malformed } from './input.pipe.js';

/**
 * JSON bodies, and an empty one as no body at all: clients that always send the media type are common. What can't be
 * used in a body is refused by the InputPipe, which sees paths and queries too.
 */
export function takeJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(malformed([{ path: '', message: 'must be valid JSON' }]));
    }
  });
}
