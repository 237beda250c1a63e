import type { Call } from '../driver.js';
import { LABEL } from './container-options.js';
import { translate } from './docker-errors.js';
import type { Engine } from './engine.js';

/** What a container comes to that a lease could not work on after. The other ways to end, such as `oom`, lead to `die`. */
const ENDINGS = ['die', 'destroy'];

/** What of an event is read. */
interface Told {
  Actor?: { Attributes?: Record<string, string> };
}

/**
 * Begins to listen to an engine. Of each container of this broker that ends or is removed, whoever did it, comes the
 * id of its resource, until the call's signal aborts; where the connection ends before, that is thrown.
 */
export async function endings(engine: Engine, broker: string, call: Call): Promise<AsyncIterable<string>> {
  const label = [`${LABEL.broker}=${broker}`];
  const stream = await engine.ask(call, (docker, abortSignal) =>
    docker.getEvents({ filters: { type: ['container'], event: ENDINGS, label }, abortSignal }),
  );
  // Whoever reads learns of it.
  stream.on('error', () => undefined);
  return read(stream, engine, call);
}

async function* read(stream: NodeJS.ReadableStream, engine: Engine, call: Call): AsyncGenerator<string> {
  try {
    let rest = '';
    for await (const text of stream.setEncoding('utf8')) {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((one) => one.trim() !== '')) {
        const resource = (JSON.parse(line) as Told).Actor?.Attributes?.[LABEL.resource];
        if (resource) yield resource;
      }
    }
    throw new Error('It ended the connection.');
  } catch (cause) {
    if (!call.signal.aborted) throw translate(cause, engine.address, call, {});
  }
}
