import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Call, DriverError, type Files } from '../driver.js';
import { onlyFiles } from './archive.js';
import type { Container, ExecSpec } from './container.js';
import { ARTIFACTS, WORK } from './container-options.js';
import { NOT_SO, receive, send } from './transfer.js';

/** `$1` is the path: written out after one byte that says it is there. A name may end in a newline, hence the dot. */
const READ = `
  cd ${WORK} && file=$(readlink -f -- "./$1" && echo .) || exit ${NOT_SO}
  file=\${file%??}
  case $file in ${WORK}/* | ${ARTIFACTS}/*) ;; *) exit ${NOT_SO} ;; esac
  [ -f "$file" ] && [ -r "$file" ] || exit ${NOT_SO}
  printf . && exec cat < "$file"`;

/** `$1` is a temporary name, the rest are the directories on the way: made as needed, entered through no link. */
const RECEIVE = `
  cd ${WORK} && part=$1 && shift
  for name; do
    [ ! -L "./$name" ] || exit ${NOT_SO}
    [ -d "./$name" ] || mkdir "./$name" && cd "./$name" || exit ${NOT_SO}
  done
  exec cat > "./$part"`;

/** `$1` is the directory, `$2` the temporary name in it and `$3` the one that the file gets. */
const ACCEPT = `
  cd "${WORK}/$1" || exit ${NOT_SO}
  [ ! -L "./$3" ] && [ ! -d "./$3" ] && exec mv -f "./$2" "./$3"
  rm -f "./$2"
  exit ${NOT_SO}`;

const DROP = `rm -f "${WORK}/$1/$2"`;

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
    const content = receive(this.container, this.script(READ, segmentsOf(path).join('/')), call);
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
    const directories = segmentsOf(path);
    const name = directories.pop() ?? '';
    const part = `.berth-${randomUUID()}`;
    const place = [directories.join('/') || '.', part];
    try {
      await send(this.container, this.script(RECEIVE, part, ...directories), content, call);
    } catch (fault) {
      await this.container.answer(this.script(DROP, ...place), call).catch(() => undefined);
      throw fault;
    }
    // Only what came whole gets the name: a sender that breaks off looks to the container like one that is done.
    const { exitCode } = await this.container.answer(this.script(ACCEPT, ...place, name), call);
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

/** @throws DriverError `invalid` for a path that is absolute, empty, or has a part that is no name. */
function segmentsOf(path: string): string[] {
  const segments = path.split('/');
  if (path.includes('\0') || segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw new DriverError('invalid', 'The path must be relative, of names only: no .., no empty part.');
  }
  return segments;
}
