import type { DriverType } from '../domain/blueprint.js';
import type { Driver } from '../drivers/driver.js';

/** The drivers of this broker, by type. A new driver is one line where this is made, in app.module. */
export class Drivers {
  private readonly byType: ReadonlyMap<DriverType, Driver>;

  constructor(drivers: readonly Driver[]) {
    this.byType = new Map(drivers.map((driver) => [driver.type, driver]));
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
