/** Exit codes of the signals that end us, as shells give them. */
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** npx and the terminal each deliver the same Ctrl-C; a second signal within this time is taken for that, in milliseconds. */
const SAME_MS = 1_000;

/** The signal that was sent to us came in the midst of `work`. */
export class InterruptedError extends Error {
  constructor(readonly exitCode: number) {
    super('Interrupted.');
  }
}

/**
 * Does the work; the first signal to end us aborts it instead of ending the process, so that it can tidy up, and is
 * what it then fails with. Who sends another does not want to wait for that.
 */
export async function interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let interrupted: InterruptedError | undefined;
  let first = 0;
  const handlers = Object.entries(CODES).map(([name, code]) => {
    const handle = () => {
      if (interrupted && Date.now() - first > SAME_MS) process.exit(code);
      if (interrupted) return;
      first = Date.now();
      interrupted = new InterruptedError(code);
      abort.abort(interrupted);
    };
    process.on(name, handle);
    return () => process.off(name, handle);
  });
  try {
    return await work(abort.signal);
  } catch (error) {
    throw interrupted ?? error;
  } finally {
    for (const remove of handlers) remove();
  }
}
