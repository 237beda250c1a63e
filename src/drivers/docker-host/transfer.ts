import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Call, DriverError } from '../driver.js';
import type { Container } from './container.js';
import type { ExecSpec, Execution } from './execution.js';

/** Exit of a transfer's script for a path that is not there, or not what it should be. */
export const NOT_SO = 44;

/** Most of a tool's complaint that is told, in characters. */
const COMPLAINT = 500;

/**
 * What a process in the container writes to stdout, as fast as it is read; throws where the process does not end well.
 * Not through the lane: while nobody reads, nothing else could be said there.
 */
export async function* receive(container: Container, spec: ExecSpec, call: Call): AsyncGenerator<Buffer> {
  const execution = await container.startByEngine(spec, call);
  const { stream, output } = execution;
  const giveUp = () => stream.destroy();
  call.signal.addEventListener('abort', giveUp);
  let complaint = '';
  try {
    while (true) {
      const { value: frame, done } = await container.engine.ask(call, () => output.next());
      if (done) break;
      if (frame.stream === 'stdout') yield frame.chunk;
      else if (complaint.length < COMPLAINT) complaint += frame.chunk.toString();
    }
    await endedWell(execution, complaint, call);
  } finally {
    call.signal.removeEventListener('abort', giveUp);
    giveUp();
  }
}

/** Gives a process in the container its stdin; throws where it does not end well, or `content` doesn't. */
export async function send(
  container: Container,
  spec: ExecSpec,
  content: Readable,
  call: Call,
): Promise<void> {
  const execution = await container.start({ ...spec, hasStdin: true }, call);
  const { stream, output } = execution;
  // Not the stream itself: a pipeline would wait for, or destroy, its other direction too.
  const stdin = new Writable({
    write: (chunk, _encoding, done) => stream.write(chunk, done),
    final: (done) => stream.end(done),
  });
  const fed = pipeline(content, stdin, { signal: call.signal }).then(
    () => undefined,
    (fault: unknown) => {
      // To its end, so that whoever takes away what came sees all of it.
      stream.end();
      return { fault };
    },
  );
  const giveUp = () => stream.destroy();
  call.signal.addEventListener('abort', giveUp);
  if (call.signal.aborted) giveUp();
  let complaint = '';
  try {
    for await (const { chunk } of output) if (complaint.length < COMPLAINT) complaint += chunk.toString();
  } catch {
    // Broken off by whichever side failed; the checks below say which.
  } finally {
    call.signal.removeEventListener('abort', giveUp);
  }
  try {
    await endedWell(execution, complaint, call);
  } catch (fault) {
    content.destroy();
    throw fault;
  }
  const failure = await fed;
  if (failure) throw new DriverError('failed', 'What was to be written broke off.', { cause: failure.fault });
}

async function endedWell(execution: Execution, complaint: string, call: Call): Promise<void> {
  const { exitCode } = await execution.status(call);
  if (exitCode === 0) return;
  const said = complaint.trim().slice(0, COMPLAINT);
  if (exitCode === NOT_SO)
    throw new DriverError('not-found', 'There is no such regular file, or a link is in the way.');
  // Tools have no exit code for it.
  if (/no space left/i.test(said)) throw new DriverError('disk-full', 'The directory of the lease is full.');
  throw new DriverError('failed', `The container could not move the files: ${said || `exit ${exitCode}`}`);
}
