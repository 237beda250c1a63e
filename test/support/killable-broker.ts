// A whole broker in a process of its own, built as the real one is, so that a test can kill it. Its drivers are fakes that say
// each call on standard output, and do to it what a test says. What they make is kept under BERTH_TEST_WORLD and
// outlives them, as containers outlive a broker.
//
//   BERTH_TEST_HOLD        the method, such as `build` or `cut`, whose calls never end but when they are told to
//   BERTH_TEST_DEAF        the method whose calls don't even end then; they go on, and succeed, after SIGUSR2
//   BERTH_TEST_REAL        the real drivers in place of the fakes
//   BERTH_TEST_KILL_AFTER  where the process dies by its own hand: `build:2` after the second build has had its effect,
//                          `save-resource:1` after that statement was committed for the first time, `turn:3` after the
//                          third turn
//   BERTH_TEST_KILL_AT     where it dies with the real drivers: `before cut docker-host ssh-host` when each of these has come to
//                          the first call of its method, `after cut …` when it has had its effect; who comes first is held
import 'reflect-metadata';
import { once } from 'node:events';
import { join } from 'node:path';
import pino from 'pino';
import { createApp } from '../../src/app.module.js';
import { Drivers } from '../../src/broker/drivers.js';
import { readConfig } from '../../src/config.js';
import { type DriverType, PROVIDES } from '../../src/domain/blueprint.js';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { Driver } from '../../src/drivers/driver.js';
import { type FakeCall, FakeDriver } from '../../src/drivers/fake.driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { Database, type Statement, type Transaction } from '../../src/store/database.js';
import { TurnStore } from '../../src/store/turn.store.js';
import { KeptSet } from './kept-set.js';

const {
  BERTH_TEST_HOLD,
  BERTH_TEST_DEAF,
  BERTH_TEST_WORLD = '',
  BERTH_TEST_REAL,
  BERTH_TEST_KILL_AFTER,
  BERTH_TEST_KILL_AT = '',
} = process.env;
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Says the call before anything is done, so that a test knows of everything that may exist, and when it will be done. */
async function script({ method, id, signal }: FakeCall): Promise<void> {
  say({ call: method, id });
  if (method === BERTH_TEST_HOLD || method === BERTH_TEST_DEAF) {
    const ended = method === BERTH_TEST_DEAF ? once(process, 'SIGUSR2') : aborted(signal);
    say({ held: method, id });
    await ended;
  }
  say({ done: method, id });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });
}

const passes = new Map<string, number>();

/** Counts what has been done, and dies where it was told to. */
function passed(step: string): void {
  const times = (passes.get(step) ?? 0) + 1;
  passes.set(step, times);
  if (BERTH_TEST_KILL_AFTER === `${step}:${times}`) process.kill(process.pid, 'SIGKILL');
}

/** Lets `passed` know of each call of the method that has ended well. */
function watch(object: object, method: string, stepOf: (...args: unknown[]) => string): void {
  const act = Reflect.get(object, method) as (...args: unknown[]) => Promise<unknown>;
  Reflect.set(object, method, async function (this: unknown, ...args: unknown[]) {
    const result = await act.apply(this, args);
    passed(stepOf(...args));
    return result;
  });
}

watch(Database.prototype, 'rows', (statement) => String((statement as Statement).name));
watchTransactions();
watch(TurnStore.prototype, 'take', () => 'turn');

/** The same of each statement with a name in a transaction, once that is committed. */
function watchTransactions(): void {
  const { transaction } = Database.prototype;
  Database.prototype.transaction = async function <T>(work: (transaction: Transaction) => Promise<T>) {
    let names: string[] = [];
    const result = await transaction.call(this, async (given) => {
      names = [];
      const rows: Transaction['rows'] = (statement, values) => {
        if (statement.name) names.push(statement.name);
        return given.rows(statement, values);
      };
      return work({ ...given, rows });
    });
    for (const name of names) passed(name);
    return result as T;
  };
}

/** Lets the driver's calls of the method come to `before` or `after`, and no further. */
function keepAt(driver: object, method: string, when: string, arrive: () => Promise<never>): void {
  const act = Reflect.get(driver, method) as (...args: unknown[]) => Promise<unknown>;
  Reflect.set(driver, method, async function (this: unknown, ...args: unknown[]) {
    if (when === 'after') await act.apply(this, args);
    return arrive();
  });
}

const REAL = {
  'docker-host': DockerHostDriver,
  'ssh-host': SshHostDriver,
  'working-copy': WorkingCopyDriver,
};
const [when = '', killedMethod = '', ...types] = BERTH_TEST_KILL_AT.split(' ');
const missing = new Set(types);
for (const type of types) {
  keepAt(REAL[type as keyof typeof REAL].prototype, killedMethod, when, () => {
    missing.delete(type);
    if (missing.size === 0) process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  });
}

function fake(type: DriverType): Driver {
  const driver: Driver = new FakeDriver(type, script, new KeptSet(join(BERTH_TEST_WORLD, type)));
  driver.land = async (_lease, { target }) => ({ commit: 'c'.repeat(40), previous: 'b'.repeat(40), target });
  for (const method of [
    'build',
    'verify',
    'activate',
    'execute',
    'endCommand',
    'land',
    'clean',
    'cut',
    'destroy',
  ])
    watch(driver, method, () => method);
  return driver;
}

async function serve(): Promise<void> {
  const config = readConfig(process.env);
  const app = await createApp({
    config,
    databaseUrl: config.databaseUrl as string,
    log: pino({ level: config.logLevel }, pino.destination(2)),
    drivers: BERTH_TEST_REAL
      ? undefined
      : () => new Drivers((Object.keys(PROVIDES) as DriverType[]).map(fake)),
  });
  await app.broker.start();
  await app.nest.listen(0, '127.0.0.1');
  say({ url: await app.nest.getUrl() });
  process.on('SIGTERM', async () => {
    await app.close();
    process.exit(0);
  });
}

void serve();
