import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import type { DriverType } from '../../src/domain/blueprint.js';
import { ADMIN_TOKEN } from './app.js';
import { Caller, until } from './installation.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { Replica, type ReplicaOptions } from './replica.js';

/** A broker in a process of its own, which can be killed, and one who calls it. */
export class BrokerProcess extends Caller {
  private constructor(
    private readonly replica: Replica,
    databaseUrl: string,
  ) {
    super({ url: replica.url, adminToken: ADMIN_TOKEN, databaseUrl });
  }

  static async start(
    databaseUrl: string,
    options: Omit<ReplicaOptions, 'adminToken'> = {},
  ): Promise<BrokerProcess> {
    return new BrokerProcess(
      await Replica.start(databaseUrl, { adminToken: ADMIN_TOKEN, ...options }),
      databaseUrl,
    );
  }

  /** Calls of its fake drivers, in order. */
  get calls(): Replica['calls'] {
    return this.replica.calls;
  }

  /** Calls that came to do what they are for, in order. */
  get done(): Replica['done'] {
    return this.replica.done;
  }

  /** Once a call of the method that it holds has begun: the id of its subject. */
  async holding(): Promise<string> {
    return (await until(() => this.replica.held[0], Boolean))?.id as string;
  }

  /** Once it has ended by itself. */
  async dies(): Promise<void> {
    await this.replica.exited;
  }

  /** Ends it as a power cut does. */
  kill(): Promise<void> {
    return this.replica.kill();
  }

  /** What a dead process had claimed comes up again now, and not when its claims lapse. */
  async lapse(): Promise<void> {
    await this.sql(`UPDATE leases SET claimed_until = now() WHERE claimed_until IS NOT NULL;
      UPDATE resources SET claimed_until = now() WHERE claimed_until IS NOT NULL;
      UPDATE operations SET claimed_until = now() WHERE claimed_until IS NOT NULL;
      UPDATE sweeps SET claimed_until = now() WHERE claimed_until IS NOT NULL;
      UPDATE commands SET alive_until = now() - interval '1 s' WHERE alive_until IS NOT NULL`);
    await this.nudge();
  }

  /** Ends it as an operator does. */
  stop(): Promise<void> {
    return this.replica.stop();
  }

  /** Halts it, claims and all, until it is resumed. */
  pause(): void {
    this.replica.pause();
  }

  resume(): void {
    this.replica.resume();
  }

  /** Lets the driver's calls go on that BERTH_TEST_DEAF keeps. */
  letGo(): void {
    this.replica.letGo();
  }

  /** Ids of what its drivers have made and not destroyed, and those before it on this database. */
  async existing(): Promise<string[]> {
    const types = await readdir(this.replica.world);
    return (await Promise.all(types.map((type) => readdir(join(this.replica.world, type))))).flat().sort();
  }

  /** Takes away what a driver of the type has made, as an engine that loses it. */
  async lose(type: DriverType, id: string): Promise<void> {
    await rm(join(this.replica.world, type, id));
  }

  /** Makes something of which no row says that it is there. */
  async strew(type: DriverType, id: string): Promise<void> {
    await writeFile(join(this.replica.world, type, id), '');
  }

  override async close(): Promise<void> {
    await this.kill();
    await rm(this.replica.world, { recursive: true, force: true });
    await super.close();
  }
}

/**
 * A database for each test of a file, and the brokers on it that a test starts, which end with it. The last one has to serve
 * then, and its doctor to find all whole.
 */
export function useBrokers(): {
  start(options?: Omit<ReplicaOptions, 'adminToken'>): Promise<BrokerProcess>;
  /** Those of this test, in the order of their starts. */
  brokers: readonly BrokerProcess[];
} {
  const brokers: BrokerProcess[] = [];
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    try {
      await brokers.at(-1)?.doctorWhole();
    } finally {
      for (const broker of brokers.splice(0)) await broker.close();
      await database.drop();
    }
  });
  return {
    brokers,
    async start(options) {
      const broker = await BrokerProcess.start(database.url, options);
      brokers.push(broker);
      return broker;
    },
  };
}
