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

/** Who the engines and their machines are, asked once in a while. */
export class MachineFacts {
  private readonly engines = new Map<string, Believed<EngineFacts>>();
  private readonly bootIds = new Map<string, Believed<string>>();

  /** The machine under a running container. */
  async of(container: Container, call: Call): Promise<Machine> {
    const { address } = container.engine;
    const { id: engineId } = await this.engineOf(container.engine, call);
    const bootId = await believed(this.bootIds, engineId, () => bootIdOf(container, call));
    return { bootId, engineId, address };
  }

  engineOf(engine: Engine, call: Call): Promise<EngineFacts> {
    return believed(this.engines, engine.address, async () => {
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

/** The kernel shows it in every container; a runtime with a kernel of its own shows that one's. */
async function bootIdOf(container: Container, call: Call): Promise<string> {
  const { exitCode, stdout, stderr } = await container.answer(
    { argv: ['cat', '/proc/sys/kernel/random/boot_id'] },
    call,
  );
  if (exitCode !== 0) {
    throw new DriverError(
      'invalid',
      `The container can't run cat, which an image for leases needs: ${stdout}${stderr}`,
    );
  }
  return stdout.toString().trim();
}
