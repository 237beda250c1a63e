import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { onlyFiles } from '../archive.js';
import { type Call, DriverError, type Files } from '../driver.js';
import type { Container } from './container.js';
import { ARTIFACTS, WORK } from './container-options.js';
import type { ExecSpec } from './execution.js';
import { NOT_SO, receive, send } from './transfer.js';

/**
 * Shell function that enters a directory and makes sure that no link was followed on the way, by what the kernel says
 * where it is: a lease may swap a directory for a link at any moment. A name may end in a newline, hence the dot.
 */
const ENTER = `enter() { cd -P "$1" 2> /dev/null && [ "$(pwd -P && echo .)" = "$1
." ] || exit ${NOT_SO}; }`;

/**
 * `$1` is the directory and `$2` the name in it: written out after one byte that says it is there. What was opened is
 * asked of the kernel, since the name can become a link at the last moment, and not every tool refuses to follow one.
 */
const READ = `${ENTER}
  enter "$1" && [ -f "./$2" ] && [ ! -L "./$2" ] && [ -r "./$2" ] || exit ${NOT_SO}
  exec 3< "./$2" && [ -f /proc/$$/fd/3 ] && [ "$(readlink /proc/$$/fd/3 && echo .)" = "$1/$2
." ] || exit ${NOT_SO}
  printf . && exec cat <&3`;

/** `$1` is a temporary name, the rest are the directories on the way, made as needed. */
const RECEIVE = `${ENTER}
  part=$1 at=${WORK} && shift && enter $at
  for name; do
    at=$at/$name
    mkdir "./$name" 2> /dev/null
    enter "$at"
  done
  set -C
  exec cat > "./$part"`;

/** `$1` is the directory, `$2` the temporary name in it and `$3` the one that the file gets. */
const ACCEPT = `${ENTER}
  enter "$1"
  [ ! -L "./$3" ] && [ ! -d "./$3" ] && exec mv -fT "./$2" "./$3"
  rm -f "./$2"
  exit ${NOT_SO}`;

const DROP = `${ENTER}
  enter "$1" && rm -f "./$2"`;

/** A lease may have taken its own directories' permissions away; then they are given back and it is tried again. */
const UNPACK = `
  cd ${WORK} || exit
  empty() { find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +; }
  empty 2> /dev/null || { chmod -R u+rwx . && empty; } || exit
  umask 022
  exec tar -xof -`;

const ARCHIVE = `cd ${ARTIFACTS} && exec tar -cf - .`;

/**
 * A lease's files, by its own user and tools in the container: the engine's archive calls neither see a tmpfs nor
 * write where the root is read-only, and work as root.
 */
export class ContainerFiles implements Files {
  constructor(
    private readonly container: Container,
    private readonly leaseId: string,
  ) {}

  read(path: string, call: Call): Promise<Readable> {
    return this.container.running(() => this.open(path, call));
  }

  private async open(path: string, call: Call): Promise<Readable> {
    const content = receive(this.container, this.script(READ, ...placeOf(path)), call);
    const { value: first, done } = await content.next();
    if (done) throw new DriverError('failed', 'The container gave nothing of the file.');
    return Readable.from(
      (async function* () {
        if (first.length > 1) yield first.subarray(1);
        yield* content;
      })(),
      { objectMode: false },
    );
  }

  write(path: string, content: Readable, call: Call): Promise<void> {
    return this.container.running(() => this.put(path, content, call));
  }

  private async put(path: string, content: Readable, call: Call): Promise<void> {
    const [directory, name] = placeOf(path);
    const part = `.berth-${randomUUID()}`;
    try {
      const directories = segmentsOf(path).slice(0, -1);
      await send(this.container, this.script(RECEIVE, part, ...directories), content, call);
    } catch (fault) {
      await this.container.answer(this.script(DROP, directory, part), call).catch(() => undefined);
      throw fault;
    }
    // Only what came whole gets the name: a sender that breaks off looks to the container like one that is done.
    const { exitCode } = await this.container.answer(this.script(ACCEPT, directory, part, name), call);
    if (exitCode !== 0)
      throw new DriverError('not-found', `${path} is a link or a directory, and is not replaced.`);
  }

  async artifacts(call: Call): Promise<Readable> {
    const loss = await this.container.loss();
    if (loss) throw loss;
    return onlyFiles(receive(this.container, this.script(ARCHIVE), call));
  }

  unpack(tar: Readable, call: Call): Promise<void> {
    return this.container.running(() => send(this.container, this.script(UNPACK), tar, call));
  }

  private script(text: string, ...words: string[]): ExecSpec {
    return { argv: ['sh', '-c', text, 'sh', ...words], env: { BERTH_LEASE: this.leaseId } };
  }
}

/** The directory that a path is in, and its name there. */
function placeOf(path: string): [string, string] {
  const segments = segmentsOf(path);
  const name = segments.pop() as string;
  return [[WORK, ...segments].join('/'), name];
}

/** @throws DriverError `invalid` for a path that is absolute, empty, or has a part that is no name. */
function segmentsOf(path: string): string[] {
  const segments = path.split('/');
  if (path.includes('\0') || segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw new DriverError('invalid', 'The path must be relative, of names only: no .., no empty part.');
  }
  return segments;
}
