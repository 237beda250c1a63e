import type { Call, Machine } from '../driver.js';
import { DriverError } from '../driver.js';
import type { Container } from './container.js';
import type { Engine } from './engine.js';
import type { EngineFacts } from './isolation.js';

/**
 * How long what an engine said of itself is believed, in milliseconds. Asking at every build would cost as much as a
 * quarter of one; an engine or machine that was changed for another under the same address is noticed after this.
 */
const BELIEVED_MS = 60_000;

/** Oldest engine with all that a container is asked to be kept in by: version 20.10. */
const OLDEST_API = [1, 41] as const;

/** Who the engines and their machines are, asked once in a while. */
export class MachineFacts {
  private readonly engines = new Map<string, Believed<EngineFacts>>();
  private readonly bootIds = new Map<string, Believed<string | undefined>>();

  /**
   * The machine under a running container.
   * @param runtime the container's own, absent where it is the engine's default: one with a kernel of its own may show
   *   that one's boot id, or none.
   */
  async of(container: Container, runtime: string | undefined, call: Call): Promise<Machine> {
    const { address } = container.engine;
    const { id: engineId } = await this.engineOf(container.engine, call);
    const known = `${engineId} ${runtime ?? ''}`;
    const bootId = await believed(this.bootIds, known, () => bootIdOf(container, call));
    return { bootId, engineId, address };
  }

  /** @throws DriverError `refused` where the engine is too old for what containers are kept in by. */
  engineOf(engine: Engine, call: Call): Promise<EngineFacts> {
    return believed(this.engines, engine.address, async () => {
      const { Version, ApiVersion } = await engine.ask(call, (docker) => docker.version());
      if (isOlder(ApiVersion, OLDEST_API)) {
        throw new DriverError(
          'refused',
          `The engine at ${engine.address} is ${Version}; it must be 20.10 or newer.`,
        );
      }
      const info = await engine.ask(call, (docker): Promise<EngineInfo> => docker.info());
      return { id: info.ID, securityOptions: info.SecurityOptions, defaultRuntime: info.DefaultRuntime };
    });
  }
}

interface EngineInfo {
  ID: string;
  SecurityOptions: string[];
  DefaultRuntime: string;
}

interface Believed<T> {
  value: T;
  until: number;
}

async function believed<T>(known: Map<string, Believed<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before && before.until > performance.now()) return before.value;
  const value = await ask();
  known.set(key, { value, until: performance.now() + BELIEVED_MS });
  return value;
}

/** The kernel shows it in every container; gVisor, a kernel in itself, shows none. */
async function bootIdOf(container: Container, call: Call): Promise<string | undefined> {
  const script = '[ ! -e "$1" ] || exec cat "$1"';
  const { exitCode, stdout, stderr } = await container.answer(
    { argv: ['sh', '-c', script, 'sh', '/proc/sys/kernel/random/boot_id'] },
    call,
  );
  if (exitCode !== 0) {
    throw new DriverError(
      'invalid',
      `The container can't run cat, which an image for leases needs: ${stdout}${stderr}`,
    );
  }
  return stdout.toString().trim() || undefined;
}

function isOlder(version: string, oldest: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
}
