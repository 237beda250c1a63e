import type { Container } from './container.js';
import type { Standby } from './standby.js';

/** Time for the engine to be asked for one, in milliseconds. */
const ASK_MS = 10_000;

/** The standbys of a driver, at most one for each resource. Another process knows nothing of them, and needs none. */
export class Standbys {
  private readonly started = new Map<string, Promise<Standby | undefined>>();

  /** Starts one, and resolves when it is there; where that fails there is none. */
  async start(resourceId: string, container: Container): Promise<void> {
    void this.close(resourceId);
    const call = { signal: AbortSignal.timeout(ASK_MS) };
    const starting = container.standBy(call).catch(() => undefined);
    this.started.set(resourceId, starting);
    await starting;
  }

  of(resourceId: string): Promise<Standby | undefined> | undefined {
    return this.started.get(resourceId);
  }

  /** Resolves when none is being started any more. */
  async close(resourceId: string): Promise<void> {
    const standby = this.started.get(resourceId);
    (await standby)?.close();
    if (this.started.get(resourceId) === standby) this.started.delete(resourceId);
  }

  closeAll(): void {
    for (const resourceId of this.started.keys()) void this.close(resourceId);
  }
}
