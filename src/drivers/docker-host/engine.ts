import type Dockerode from 'dockerode';
import type { DockerOptions } from 'dockerode';
import type { Call } from '../driver.js';
import type { SshPool } from '../ssh/ssh-pool.js';
import { type Faults, translate } from './docker-errors.js';
import { type EngineAddress, engineOptions } from './engine-address.js';

/** One engine, and the only way to speak to it: what goes wrong leaves here as a DriverError. */
export class Engine {
  readonly address: string;
  private readonly options: DockerOptions;
  private docker: Promise<Dockerode> | undefined;

  constructor(address: EngineAddress, pool: SshPool) {
    this.address = address.engine;
    this.options = engineOptions(address, pool);
  }

  /**
   * One request, given up when the call's signal aborts.
   * @param faults what the engine's answers mean here, where the usual meaning is not it.
   */
  async ask<T>(
    call: Call,
    request: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>,
    faults: Faults = {},
  ): Promise<T> {
    const { signal } = call;
    let onAbort: () => void = () => undefined;
    try {
      this.docker ??= connect(this.options);
      const docker = await this.docker;
      signal.throwIfAborted();
      // The client drops the request by the signal, but not in all of its calls.
      const aborted = new Promise<never>((_resolve, reject) => {
        onAbort = () => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
      });
      return await Promise.race([request(docker, signal), aborted]);
    } catch (cause) {
      throw translate(cause, this.address, call, faults);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** The library is loaded with the first request to any engine: it is a good part of a broker's start and memory. */
async function connect(options: DockerOptions): Promise<Dockerode> {
  const { default: Client } = await import('dockerode');
  return new Client(options);
}

/** Engines by how they are reached; a client holds nothing that could go stale but its certificates. */
export class Engines {
  private readonly known = new Map<string, Engine>();

  constructor(private readonly pool: SshPool) {}

  of(address: EngineAddress): Engine {
    const key = this.keyOf(address);
    const { engine, tls, ssh } = address;
    const known = this.known.get(key) ?? new Engine({ engine, tls, ssh }, this.pool);
    this.known.set(key, known);
    return known;
  }

  /** The same for two addresses that are reached alike. */
  keyOf({ engine, tls, ssh }: EngineAddress): string {
    return JSON.stringify([engine, tls, ssh]);
  }
}
