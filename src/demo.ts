import { explain } from './demo/actors.js';
import { introduce } from './demo/cast.js';
import { Cleanup } from './demo/cleanup.js';
import { setUp } from './demo/stage.js';
import { tell } from './demo/story.js';
import { Transcript } from './demo/transcript.js';

/** What the process ends with. */
const EXIT = { ok: 0, failed: 1, interrupted: 130 };

/** Something hangs where it takes longer. */
const LIMIT_MS = 180_000;

/** We were asked to stop, or nobody reads on. */
class Interrupted extends Error {}

/** Shows the main job end to end, on a broker started for it, and takes everything away again. */
async function main(): Promise<number> {
  const started = performance.now();
  const stop = AbortSignal.any([interruption(), AbortSignal.timeout(LIMIT_MS)]);
  const say = new Transcript(process.stdout, stop);
  const cleanup = new Cleanup();
  const faults: unknown[] = [];
  try {
    await show(say, cleanup, stop);
  } catch (error) {
    const fault: unknown = stop.aborted ? stop.reason : error; // a Ctrl-C ends the git that we run, too
    say.failed('stopped', explain(fault));
    faults.push(fault);
  }
  say.print('\n   What was made is taken away');
  faults.push(...(await cleanup.run(new Transcript(process.stdout))));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (faults.length === 0) say.print(`\n   Every step did what it should, in ${seconds} s.\n`);
  else console.error(`\n   Stopped, after ${seconds} s:\n   ${faults.map(explain).join('\n   ')}\n`);
  return faults.length === 0 ? EXIT.ok : faults[0] instanceof Interrupted ? EXIT.interrupted : EXIT.failed;
}

/** What is begun while all is set up is brought to its end, and can be taken away; the story can be left at any point. */
async function show(say: Transcript, cleanup: Cleanup, stop: AbortSignal): Promise<void> {
  const { admin, repository } = await setUp(say, cleanup);
  const stopped = new Promise<never>((_resolve, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason));
  });
  const story = introduce(say, admin).then((cast) => tell(say, cast, repository));
  await Promise.race([story, stopped]);
}

/** Aborts at the first of what may come again and again: the terminal and npm both send a Ctrl-C. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new Interrupted('Interrupted.'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, abort);
  process.stdout.on('error', abort);
  return controller.signal;
}

process.exitCode = await main();
