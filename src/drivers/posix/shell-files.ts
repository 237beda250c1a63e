import { randomUUID } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { aborted } from '../aborted.js';
import { onlyFile, onlyFiles } from '../archive.js';
import { type Call, DriverError, type Files, type LeaseView } from '../driver.js';
import {
  type LeaseDirectory,
  pathParts,
  prepareScript,
  presenceScript,
  removeScript,
} from './lease-directory.js';
import { markItself, nextMark } from './process-tree.js';
import { quote } from './quote.js';
import { complete, enter, exitWith, GIVE_UP, type Shell, scriptFault } from './shell.js';

/**
 * Files of a lease, by sh, cat and tar. A running lease may swap a directory for a link at any moment, so nothing is
 * checked first and opened after: the shell enters the directory and asks the kernel where it is, and from there takes
 * one name, with tar, which follows no link. Rejected: SFTP, whose every path is resolved anew and through links.
 *
 * All of it bears the lease's mark, so that cutting the lease ends it, whichever broker began it.
 */
export function shellFiles(shell: Shell, lease: LeaseView, directory: LeaseDirectory): Files {
  const marked: Shell = {
    start: (script, call) => shell.start(`${markItself(nextMark(lease))}\n${script}`, call),
  };
  return {
    read: (path, call) => read(marked, directory, path, call),
    write: (path, content, call) => write(marked, directory, path, content, call),
    artifacts: (call) => artifacts(marked, directory, call),
    unpack: (tar, call) => unpack(marked, directory, tar, call),
  };
}

async function read(shell: Shell, directory: LeaseDirectory, path: string, call: Call): Promise<Readable> {
  const { parent, name } = located(directory, path);
  const script = [
    presenceScript(directory),
    enter(parent),
    `[ -f ${name} ] && [ ! -L ${name} ] || ${exitWith('not-found')}`,
    `exec tar -cf - ${name}`,
  ].join('\n');
  const missing = new DriverError('not-found', `There is no regular file ${path} in the lease.`);
  const file = await onlyFile(tarOf(shell, script, call)).catch((fault: unknown) => {
    throw fault instanceof DriverError && fault.code === 'not-found' ? missing : fault;
  });
  if (!file) throw missing;
  return file;
}

async function write(
  shell: Shell,
  directory: LeaseDirectory,
  path: string,
  content: Readable,
  call: Call,
): Promise<void> {
  const { parts, name } = located(directory, path);
  const what = `Writing ${path}`;
  const fresh = `./.berth-${randomUUID()}`;
  const descend = [
    'into() { mkdir "./$1" 2> /dev/null; cd -P "./$1" 2> /dev/null && [ "$(pwd -P && echo .)" = "$2\n." ]; }',
    enter(directory.work),
    ...parts.slice(0, -1).map((part, index) => {
      const expected = [directory.work, ...parts.slice(0, index + 1)].join('/');
      return `into ${quote(part)} ${quote(expected)} || ${exitWith('invalid')}`;
    }),
  ].join('\n');
  // Two steps, because the end of a content that broke off looks like its end. The lease may be over by the second,
  // which makes nothing anew.
  const receive = [
    GIVE_UP,
    prepareScript(directory),
    descend,
    `set -C; cat > ${fresh} || give_up ${fresh}`,
  ].join('\n');
  try {
    await complete(shell, what, receive, call, (stdin) => pipeline(content, stdin));
  } catch (fault) {
    await complete(shell, what, [descend, `rm -f ${fresh}`].join('\n'), call).catch(() => undefined);
    throw fault;
  }
  const settle = `mv -fT ${fresh} ${name} || { rm -f ${fresh}; ${exitWith('invalid')}; }`;
  await complete(shell, what, [descend, settle].join('\n'), call);
}

/** Directories and regular files only: links, devices and pipes of a lease mean nothing elsewhere, or too much. */
async function artifacts(shell: Shell, directory: LeaseDirectory, call: Call): Promise<Readable> {
  const script = [prepareScript(directory), enter(directory.artifacts), 'exec tar -cf - .'].join('\n');
  return onlyFiles(tarOf(shell, script, call));
}

async function unpack(shell: Shell, directory: LeaseDirectory, tar: Readable, call: Call): Promise<void> {
  const fresh = `${directory.lease}/.new-${randomUUID()}`;
  const extractScript = [
    GIVE_UP,
    prepareScript(directory),
    enter(directory.lease),
    `mkdir ${quote(fresh)} && cd ${quote(fresh)} && tar -xpof - || { cd .. && give_up ${quote(fresh)}; }`,
  ].join('\n');
  await complete(shell, 'Unpacking', extractScript, call, (stdin: Writable) => pipeline(tar, stdin));
  const swapScript = [
    enter(directory.lease),
    removeScript(directory.work),
    `mv -T ${quote(fresh)} ${quote(directory.work)}`,
  ].join('\n');
  await complete(shell, 'Unpacking', swapScript, call);
}

function located(directory: LeaseDirectory, path: string) {
  const parts = pathParts(path);
  const last = parts.at(-1);
  if (last === undefined) throw new DriverError('invalid', 'The path of a file must not be empty.');
  const parent = [directory.work, ...parts.slice(0, -1)].join('/');
  return { parts, parent, name: quote(`./${last}`) };
}

/** The tar that a script writes; ends with an error where the script did, or was cut short. */
async function* tarOf(shell: Shell, script: string, call: Call): AsyncGenerator<Buffer> {
  const running = await shell.start(script, call);
  running.stdin.end();
  running.stderr.resume();
  const stop = () => running.stdout.destroy(aborted('Reading files'));
  call.signal.addEventListener('abort', stop, { once: true });
  if (call.signal.aborted) stop();
  try {
    yield* running.stdout;
    const end = await running.ended;
    if ('lost' in end) throw new DriverError('unreachable', end.lost, { temporary: true });
    // 1 is tar's word for a file that changed while it was read, as those of a lease may.
    if (end.exitCode > 1) throw scriptFault('Reading files', end.exitCode, '');
  } catch (fault) {
    if (fault instanceof DriverError) throw fault;
    throw new DriverError('failed', 'The files could not be read to their end.', {
      temporary: true,
      cause: fault,
    });
  } finally {
    call.signal.removeEventListener('abort', stop);
    running.abandon();
  }
}
