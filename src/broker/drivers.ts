import type { DriverType } from '../domain/blueprint.js';
import { type Driver, DriverError, type Files, type LeaseView } from '../drivers/driver.js';
import type { CallFacts } from './metrics.js';

type OnCall = (call: CallFacts) => void;

/** A call begins; what is returned is called when it has ended. */
type Begin = (driver: string, method: string) => (error?: unknown) => void;

/** The drivers of this broker, by type. A new driver is one line where this is made, in app.module. */
export class Drivers {
  private readonly byType: ReadonlyMap<DriverType, Driver>;
  private onCall: OnCall = () => undefined;
  private mayCall: () => void = () => undefined;

  constructor(drivers: readonly Driver[]) {
    const begin: Begin = (driver, method) => {
      this.mayCall();
      return timer(driver, method, this.onCall);
    };
    this.byType = new Map(drivers.map((driver) => [driver.type, observed(driver, begin)]));
  }

  /** Has every call of every driver told when it has ended. */
  observe(onCall: OnCall): void {
    this.onCall = onCall;
  }

  /** Has every call of every driver fail with what `mayCall` throws, before anything is done. */
  guard(mayCall: () => void): void {
    this.mayCall = mayCall;
  }

  get(type: DriverType): Driver {
    const driver = this.byType.get(type);
    if (!driver) throw new Error(`There is no driver for ${type}.`);
    return driver;
  }

  /** Lets go of all that they hold open. */
  close(): void {
    for (const driver of this.byType.values()) driver.close?.();
  }
}

const CALLS = [
  'build',
  'verify',
  'activate',
  'execute',
  'endCommand',
  'land',
  'clean',
  'cut',
  'destroy',
  'list',
];
const FILE_CALLS = ['read', 'write', 'artifacts', 'unpack'];

function observed(driver: Driver, begin: Begin): Driver {
  const tell = (method: string) => begin(driver.type, method);
  const files = (lease: LeaseView): Files =>
    proxy(driver.files(lease), FILE_CALLS, (method) => tell(`files.${method}`));
  return proxy(driver, CALLS, tell, { files });
}

/** `target` with these methods timed, each other one as it is, and some in place of its own. */
function proxy<T extends object>(
  target: T,
  timed: readonly string[],
  tell: (method: string) => (error?: unknown) => void,
  instead: Partial<T> = {},
): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in instead) return Reflect.get(instead, name);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || !timed.includes(String(name))) return value;
      return async (...given: unknown[]) => {
        const ended = tell(String(name));
        try {
          const result: unknown = await value.apply(target, given);
          ended();
          return result;
        } catch (error) {
          ended(error);
          throw error;
        }
      };
    },
  });
}

function timer(driver: string, method: string, onCall: OnCall): (error?: unknown) => void {
  const since = performance.now();
  return (error) => {
    const fault = error === undefined ? undefined : error instanceof DriverError ? error.code : 'fault';
    onCall({ driver, method, seconds: (performance.now() - since) / 1000, fault });
  };
}
