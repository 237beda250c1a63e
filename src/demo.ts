import { explain } from './demo/actors.js';
import { introduce } from './demo/cast.js';
import { Cleanup } from './demo/cleanup.js';
import { setUp } from './demo/stage.js';
import { tell } from './demo/story.js';
import { Transcript } from './demo/transcript.js';

/** What the process ends with. */
const EXIT = { ok: 0, failed: 1, interrupted: 130 };

/** Shows the main job end to end, on a broker started for it, and takes everything away again. */
async function main(): Promise<number> {
  const started = performance.now();
  const interrupt = interruption();
  const say = new Transcript(process.stdout, interrupt);
  const cleanup = new Cleanup();
  const faults: string[] = [];
  try {
    const { admin, repository } = await setUp(say, cleanup, interrupt);
    await tell(say, await introduce(say, admin), repository);
  } catch (error) {
    if (!interrupt.aborted) faults.push(explain(error));
  }
  for (const fault of faults) say.failed(fault);
  say.print(`\n   ${interrupt.aborted ? 'Interrupted. ' : ''}What was made is taken away:`);
  faults.push(...(await cleanup.run(new Transcript(process.stdout))));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (faults.length > 0) {
    console.error(`\n   Failed, after ${seconds} s. ${faults.join('\n   ')}`);
    return EXIT.failed;
  }
  if (interrupt.aborted) return EXIT.interrupted;
  say.print(`\n   Every step did what it should, in ${seconds} s.\n`);
  return EXIT.ok;
}

/** Aborts when we are asked to stop, again and again as npm and the terminal both do, or nobody reads on. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, abort);
  process.stdout.on('error', abort);
  return controller.signal;
}

process.exitCode = await main();
