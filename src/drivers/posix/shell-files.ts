import { randomUUID } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { aborted } from '../aborted.js';
import { type Call, DriverError, type Files } from '../driver.js';
import {
  type LeaseDirectory,
  pathParts,
  prepareScript,
  presenceScript,
  removeScript,
} from './lease-directory.js';
import { quote } from './quote.js';
import { complete, enter, exitWith, GIVE_UP, type Shell, type ShellProcess, scriptFault } from './shell.js';

/**
 * Files of a lease, by sh, cat and tar. A running lease may swap a directory for a link at any moment, so nothing is
 * checked first and opened after: the shell enters the directory and asks the kernel where it is, and from there takes
 * one name, with tar, which follows no link. Rejected: SFTP, whose every path is resolved anew and through links.
 */
export function shellFiles(shell: Shell, directory: LeaseDirectory): Files {
  return {
    read: (path, call) => read(shell, directory, path, call),
    write: (path, content, call) => write(shell, directory, path, content, call),
    artifacts: (call) => artifacts(shell, directory, call),
    unpack: (tar, call) => unpack(shell, directory, tar, call),
  };
}

async function read(shell: Shell, directory: LeaseDirectory, path: string, call: Call): Promise<Readable> {
  const { parent, name } = located(directory, path);
  const missing = new DriverError('not-found', `There is no regular file ${path} in the lease.`);
  const script = [
    presenceScript(directory),
    enter(parent),
    `[ -f ${name} ] && [ ! -L ${name} ] || ${exitWith('not-found')}`,
    `exec tar -cf - ${name}`,
  ].join('\n');
  const entries = tarEntries(await begin(shell, script, call), call);
  const first = await entries.next();
  if (first.done || first.value.header.type !== 'file') {
    await entries.return(undefined);
    throw missing;
  }
  const content = async function* () {
    yield* first.value;
    await entries.next();
  };
  return Readable.from(content(), { objectMode: false });
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
    prepareScript(directory),
    enter(directory.work),
    ...parts.slice(0, -1).map((part, index) => {
      const expected = [directory.work, ...parts.slice(0, index + 1)].join('/');
      return `into ${quote(part)} ${quote(expected)} || ${exitWith('invalid')}`;
    }),
  ].join('\n');
  // Two steps, because the end of a content that broke off looks like its end.
  const receive = [GIVE_UP, descend, `set -C; cat > ${fresh} || give_up ${fresh}`].join('\n');
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
  const source = tarEntries(await begin(shell, script, call), call);
  const filtered = pack();
  const copy = async () => {
    for await (const entry of source) {
      const { type, size, mode, mtime } = entry.header;
      const name = entry.header.name.replace(/^\.\//, '');
      if ((type !== 'file' && type !== 'directory') || name === '' || name === '.') entry.resume();
      else await pipeline(entry, filtered.entry({ name, type, size, mode, mtime }));
    }
    filtered.finalize();
  };
  copy().catch((fault: Error) => filtered.destroy(fault));
  return Readable.from(filtered, { objectMode: false });
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

async function begin(shell: Shell, script: string, call: Call): Promise<ShellProcess> {
  const running = await shell.start(script, call);
  running.stdin.end();
  running.stderr.resume();
  return running;
}

/** Entries of the tar that a script writes; ends with an error where the script did, or was cut short. */
async function* tarEntries(running: ShellProcess, call: Call) {
  const reader = extract();
  const stop = () => reader.destroy(aborted('Reading files'));
  const copied = pipeline(running.stdout, reader).catch((fault: Error) => reader.destroy(fault));
  call.signal.addEventListener('abort', stop, { once: true });
  if (call.signal.aborted) stop();
  try {
    for await (const entry of reader) yield entry;
    await copied;
    const end = await running.ended;
    if ('lost' in end) throw new DriverError('unreachable', end.lost, { temporary: true });
    const fault = scriptFault('Reading files', end.exitCode, 'The resource is gone from its host.');
    if (fault.code === 'resource-lost') throw fault;
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
