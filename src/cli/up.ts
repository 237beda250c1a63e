import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { command } from './command.js';

/** A process of its own, since the CLI knows nothing of the broker; signals are passed on, its end is ours. */
export const UP = command('up', 'start a broker here, like npm start').action(async () => {
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const broker = spawn(process.execPath, ['--enable-source-maps', main], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => broker.kill(signal));
  }
  const [code] = await once(broker, 'exit');
  process.exitCode = code ?? 1;
});
