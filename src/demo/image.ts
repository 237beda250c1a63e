import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { access, lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type Dockerode from 'dockerode';
import { type Pack, pack } from 'tar-stream';

const run = promisify(execFile);

/** Where programs are looked for, in order. */
const SEARCH = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

/** What leases and the driver call, where there is no busybox to bring it all. */
const PROGRAMS = (
  'sh cat cp ls mv rm mkdir rmdir mkfifo ln touch chmod env head tail wc sort uniq cut tr tee test true false ' +
  'sleep date dd du df stat id uname nproc pwd printf echo seq expr yes basename dirname readlink realpath ' +
  'mktemp sha256sum base64 find xargs grep sed awk tar gzip setsid kill ps timeout'
).split(' ');

/** Parts of git that are neither servers nor written in Perl. */
const GIT_PARTS = /^git(-remote-.*|-sh-.*|-submodule)?$/;

/**
 * Makes a small image from programs that this machine has, for engines that can pull none: busybox or else the
 * machine's own tools, and git where there is one, each with its libraries. Nothing is done where `name` is there.
 * @returns the image's id, `sha256:…`: as good a pin as a digest, which an imported image does not have.
 */
export async function makeDemoImage(docker: Dockerode, name: string): Promise<string> {
  const made = await idOf(docker, name);
  if (made) return made;
  const archive = pack();
  const [repo, tag = 'latest'] = name.split(':');
  const [progress] = await Promise.all([
    docker.importImage(Readable.from(archive), { repo, tag }),
    fill(archive).then(
      () => archive.finalize(),
      (fault) => archive.destroy(fault),
    ),
  ]);
  for await (const _line of progress);
  const id = await idOf(docker, name);
  if (!id) throw new Error(`The engine took the archive of ${name} but has no such image.`);
  return id;
}

async function idOf(docker: Dockerode, name: string): Promise<string | undefined> {
  const images = await docker.listImages({ filters: { reference: [name] } });
  return images[0]?.Id;
}

async function fill(archive: Pack): Promise<void> {
  const root = new ImageRoot(archive);
  for (const path of ['tmp', 'work', 'artifacts', 'home', 'home/berth', 'proc', 'sys', 'dev', 'etc']) {
    root.directory(path);
  }
  root.text('etc/passwd', 'root:x:0:0::/:/bin/sh\nberth:x:65532:65532::/home/berth:/bin/sh\n');
  root.text('etc/group', 'root:x:0:\nberth:x:65532:\n');
  const busybox = await find('busybox');
  if (busybox) {
    await root.program(busybox, 'bin/busybox');
    const { stdout } = await run(busybox, ['--list']);
    // An applet named busybox would be a link to itself.
    for (const applet of stdout.split('\n').filter((word) => word !== '' && word !== 'busybox')) {
      root.link(`bin/${applet}`, 'busybox');
    }
  } else {
    for (const program of PROGRAMS) {
      const path = await find(program);
      if (path) await root.program(path, `bin/${program}`);
    }
  }
  const git = await find('git');
  if (!git) return;
  await root.program(git, 'usr/bin/git');
  // Without it every init and clone warns.
  root.directory('usr/share/git-core/templates');
  const { stdout } = await run(git, ['--exec-path']);
  const parts = stdout.trim();
  for (const part of await readdir(parts)) {
    const path = join(parts, part);
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) root.link(path.slice(1), await readlink(path));
    else if (stat.isFile() && GIT_PARTS.test(part)) await root.program(path, path.slice(1));
  }
}

async function find(program: string): Promise<string | undefined> {
  for (const directory of SEARCH) {
    const path = join(directory, program);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** An image's files on their way into a tar: each path once, parents before children. */
class ImageRoot {
  private readonly has = new Set<string>();

  constructor(private readonly archive: Pack) {}

  directory(path: string): void {
    if (path === '.' || !this.add(path)) return;
    this.directory(dirname(path));
    this.archive.entry({ name: path, type: 'directory', mode: path === 'tmp' ? 0o1777 : 0o755 });
  }

  text(path: string, content: string): void {
    this.parentOf(path);
    if (this.add(path)) this.archive.entry({ name: path, mode: 0o644 }, content);
  }

  link(path: string, target: string): void {
    this.parentOf(path);
    if (this.add(path)) this.archive.entry({ name: path, type: 'symlink', linkname: target });
  }

  /** A program, with the libraries that its loader would load. */
  async program(source: string, path: string): Promise<void> {
    await this.file(source, path);
    for (const library of await librariesOf(source)) await this.file(library, library.slice(1));
  }

  private async file(source: string, path: string): Promise<void> {
    this.parentOf(path);
    if (!this.add(path)) return;
    const real = await realpath(source);
    const { size, mode } = await lstat(real);
    await pipeline(createReadStream(real), this.archive.entry({ name: path, size, mode: mode & 0o777 }));
  }

  private parentOf(path: string): void {
    this.directory(dirname(path));
  }

  private add(path: string): boolean {
    const isNew = !this.has.has(path);
    this.has.add(path);
    return isNew;
  }
}

/** Absolute paths in what `ldd` prints; none for scripts and static programs, for which it fails. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]).catch(() => ({ stdout: '' }));
  return [...stdout.matchAll(/(?:=>\s*|^\s*)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
}
