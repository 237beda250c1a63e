import type { FastifyContextConfig, FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler gets the body as a stream, whatever its media type and length. */
    rawBody?: true;
  }
}

export const RAW_BODY: FastifyContextConfig = { rawBody: true };

const BYTES = 'application/octet-stream';

/**
 * Parsers belong to the whole server. So the one for bytes takes the body of routes that ask for it and of no other;
 * and such routes have their bodies pass for bytes, or an uploaded JSON file would arrive parsed.
 */
export function takeRawBodies(server: FastifyInstance): void {
  server.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.rawBody) request.raw.headers['content-type'] = BYTES;
  });
  server.addContentTypeParser(BYTES, (request, payload, done) => {
    if (request.routeOptions.config.rawBody) done(null, payload);
    else done(Object.assign(new Error('bytes where JSON belongs'), { statusCode: 415 }));
  });
}
