// A whole broker in a process of its own, on the built code, so that a test can kill it. Its drivers are fakes that say
// each call on standard output, and do to it what a test says. What they make is kept under BERTH_TEST_WORLD and
// outlives them, as containers outlive a broker.
//
//   BERTH_TEST_HOLD   the method, such as `build` or `cut`, whose calls never end but when they are told to
//   BERTH_TEST_DEAF   the method whose calls don't even end then; they go on, and succeed, after SIGUSR2
import './skewed-clock.mjs';
import 'reflect-metadata';
import { once } from 'node:events';
import { join } from 'node:path';
import pino from 'pino';
import { createApp } from '../../dist/src/app.module.js';
import { Drivers } from '../../dist/src/broker/drivers.js';
import { readConfig } from '../../dist/src/config.js';
import { PROVIDES } from '../../dist/src/domain/blueprint.js';
import { FakeDriver } from '../../dist/src/drivers/fake.driver.js';
import { KeptSet } from './kept-set.mjs';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Says the call before anything is done, so that a test knows of everything that may exist, and when it will be done. */
async function script({ method, id, signal }) {
  say({ call: method, id });
  const { BERTH_TEST_HOLD: hold, BERTH_TEST_DEAF: deaf } = process.env;
  if (method === hold || method === deaf) {
    say({ held: method, id });
    await (method === deaf ? once(process, 'SIGUSR2') : aborted(signal));
  }
  say({ done: method, id });
}

function aborted(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });
}

const config = readConfig(process.env);
const app = await createApp({
  config,
  databaseUrl: config.databaseUrl,
  log: pino({ level: config.logLevel }, pino.destination(2)),
  drivers: () =>
    new Drivers(
      Object.keys(PROVIDES).map(
        (type) => new FakeDriver(type, script, new KeptSet(join(process.env.BERTH_TEST_WORLD, type))),
      ),
    ),
});
await app.broker.start();
await app.nest.listen(0, '127.0.0.1');
say({ url: await app.nest.getUrl() });
process.on('SIGTERM', async () => {
  await app.close();
  process.exit(0);
});
