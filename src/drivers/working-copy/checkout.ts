import { createHash } from 'node:crypto';
import { link, lstat, lutimes, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DriverError } from '../driver.js';
import { type GitDirectory, gitDirectory } from './git-directory.js';
import type { Mirror, MirrorName } from './mirrors.js';
import { type PackedTree, packedTree, packing, withoutEnd } from './packed-tree.js';
import { type GitPhase, type GitRun, trustedGit } from './trusted-git.js';

/**
 * Time of every file of a checkout. One that is long past and always the same makes copies alike, lets a first `git
 * status` on the host trust the index that came along, and no lease can write a file that bears it by accident.
 */
export const FILE_TIME = new Date('2000-01-01T00:00:00Z');

/** The host keeps neither inodes nor change times of the broker's: git shall compare size and whole seconds only. */
const STAT_CONFIG = ['core.checkStat=minimal', 'core.trustctime=false'];

/** Versions in a row of which it is known what changed. */
const REMEMBERED = 50;

/** Past these a whole tree costs little more than its changes. */
const MOST_PATHS = 1_000;
const MOST_REMOVED_BYTES = 32 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;

/** What a checkout was at one time. Two of one checkout are alike where their keys are. */
export interface Version {
  key: string;
  /** What is not as in the one before. */
  changed: Changed;
}

/** Paths below the tree, a character a byte, and whether they are there now. Those that are lie in real directories. */
type Changed = ReadonlyMap<string, boolean>;

/** What makes one version of another on a host that has it. */
export interface Change {
  /** Paths to remove, below the lease's directory. */
  removed: string[];
  /** Tar of what is new or other, without the blocks that end it. */
  tar: Buffer;
}

/**
 * One repository checked out on the broker's disk, where no lease writes, and moved from commit to commit: what hosts
 * are given, whole or as the difference to what they were given before. Its `.git` is laid out anew from the mirror
 * for each version, so that it is what a fresh one would be, whatever it was before.
 *
 * To be used by one at a time, while the mirror is held.
 */
export class Checkout {
  private readonly tree: string;
  private readonly objects = new Set<string>();
  private laid: Map<string, string> = new Map();
  private versions: Version[] = [];
  private commit: string | undefined;
  private packed = false;

  /**
   * @param root a directory of its own
   * @param name directory that the lease finds it in
   */
  constructor(
    private readonly root: string,
    private readonly name: string,
    readonly mirror: MirrorName,
  ) {
    this.tree = join(root, 'tree', name);
  }

  /** Key of what `moveTo` would make of it. */
  keyOf({ commit, branch, refs }: Mirror): string {
    return createHash('sha256')
      .update(JSON.stringify([this.mirror.uri, commit, branch, refs]))
      .digest('hex');
  }

  get current(): Version | undefined {
    return this.commit === undefined ? undefined : this.versions.at(-1);
  }

  /** Brings it to the mirror's commit, branch and refs. What is broken off leaves it to be made anew. */
  async moveTo(mirror: Mirror & { commit: string }, signal: AbortSignal): Promise<Version> {
    const key = this.keyOf(mirror);
    if (this.current?.key === key) return this.current;
    const from = this.commit;
    this.commit = undefined;
    this.packed = false;
    await rm(this.tar, { force: true });
    const git: GitIn = (phase, args, extra = {}) =>
      trustedGit({ phase, args: ['--git-dir', mirror.directory, ...args], signal, ...extra });
    const moved = from === undefined ? undefined : await changedFiles(git, from, mirror.commit);
    if (moved === undefined) await this.empty();
    const files = moved ?? (await allFiles(git, mirror.commit));
    const laid = await this.layGitDirectory(mirror);
    await this.checkOut(git, mirror.commit, files);
    const changed = new Map([...files, ...laid, ['.git/index', true] as const]);
    this.commit = mirror.commit;
    const version = { key, changed };
    this.versions = [...this.versions, version].slice(-REMEMBERED);
    return version;
  }

  /** What makes the current version of `from`; undefined where that is not known, or as much as all of it. */
  async changeSince(from: Version): Promise<Change | undefined> {
    const index = this.versions.indexOf(from);
    if (index < 0) return undefined;
    const changed = new Map(this.versions.slice(index + 1).flatMap((version) => [...version.changed]));
    if (changed.size > MOST_PATHS) return undefined;
    const present = [...changed.keys()].filter((path) => changed.get(path));
    const gone = new Set<string>();
    for (const [path, isThere] of changed) if (!isThere) gone.add(await this.topOfWhatIsGone(path));
    const names = [...present, ...gone].map(textOf);
    if (names.includes(undefined) || (await this.bytesOf(present)) > MOST_BYTES) return undefined;
    // What is there in another form, such as a link where a directory was, is out of the way before the tar comes.
    const removed = names.map((name) => `${this.name}/${name}`);
    if (removed.join('').length > MOST_REMOVED_BYTES) return undefined;
    return { removed, tar: await this.pack(present) };
  }

  /** All of the current version. To be closed. */
  async whole(): Promise<PackedTree> {
    if (!this.packed) await this.packWhole();
    this.packed = true;
    return packedTree(await open(this.tar));
  }

  async remove(): Promise<void> {
    this.commit = undefined;
    await rm(this.root, { recursive: true, force: true });
  }

  private get tar(): string {
    return join(this.root, 'tree.tar');
  }

  private async empty(): Promise<void> {
    this.versions = [];
    this.objects.clear();
    this.laid.clear();
    await rm(join(this.root, 'tree'), { recursive: true, force: true });
    await mkdir(this.tree, { recursive: true, mode: 0o755 });
  }

  /** @returns paths of it that are not what they were */
  private async layGitDirectory(mirror: Mirror & { commit: string }): Promise<[string, boolean][]> {
    const laid = gitDirectory(mirror, this.mirror.uri);
    const written = (await this.write(laid)).map((path): [string, boolean] => [path, true]);
    const linked = await this.linkObjects(mirror.directory);
    return [...written, ...linked].map(([path, isThere]) => [`.git/${path}`, isThere]);
  }

  private async write({ directories, files }: GitDirectory): Promise<string[]> {
    const within = (path: string) => join(this.tree, '.git', path);
    for (const directory of directories) await mkdir(within(directory), { recursive: true, mode: 0o755 });
    const changed = [...files.keys()].filter((path) => files.get(path) !== this.laid.get(path));
    for (const path of changed) await writeFile(within(path), files.get(path) ?? '', { mode: 0o644 });
    this.laid = files;
    return changed;
  }

  /** Links to the mirror's objects: they never change, and a tar has copies. */
  private async linkObjects(mirror: string): Promise<[string, boolean][]> {
    const from = join(mirror, 'objects');
    const to = join(this.tree, '.git/objects');
    const there = new Set((await readdir(from, { recursive: true })).filter((name) => OBJECT.test(name)));
    const fresh = [...there].filter((name) => !this.objects.has(name));
    const gone = [...this.objects].filter((name) => !there.has(name));
    for (const directory of new Set(fresh.map((name) => name.slice(0, name.indexOf('/'))))) {
      await mkdir(join(to, directory), { recursive: true, mode: 0o755 });
    }
    for (const name of fresh) {
      await link(join(from, name), join(to, name));
      this.objects.add(name);
    }
    for (const name of gone) {
      await rm(join(to, name));
      this.objects.delete(name);
    }
    return [
      ...fresh.map((name): [string, boolean] => [`objects/${name}`, true]),
      ...gone.map((name): [string, boolean] => [`objects/${name}`, false]),
    ];
  }

  private async checkOut(git: GitIn, commit: string, files: Changed): Promise<void> {
    const access = {
      config: [...STAT_CONFIG, 'core.bare=false'],
      env: { GIT_INDEX_FILE: join(this.tree, '.git/index'), GIT_WORK_TREE: this.tree },
    };
    await git('checkout', ['read-tree', '-m', '-u', commit], { access, cwd: this.tree });
    for (const [file, isThere] of files) if (isThere) await lutimes(this.at(file), FILE_TIME, FILE_TIME);
    await git('checkout', ['update-index', '-q', '--refresh'], { access, cwd: this.tree });
  }

  /** Looked for from the top, so that no link is followed: whoever wrote the repository says where it leads. */
  private async topOfWhatIsGone(path: string): Promise<string> {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = parts.slice(0, depth).join('/');
      const isDirectory = await lstat(this.at(above)).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (!isDirectory) return above;
    }
    return path;
  }

  private async bytesOf(paths: string[]): Promise<number> {
    let bytes = 0;
    for (const path of paths) bytes += (await lstat(this.at(path))).size;
    return bytes;
  }

  private at(path: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.tree}/`), Buffer.from(path, 'latin1')]);
  }

  private async pack(paths: string[]): Promise<Buffer> {
    const tar = packing(['-C', join(this.root, 'tree'), '--null', '--no-recursion', '-T', '-', '-f', '-']);
    const name = Buffer.from(`./${this.name}/`).toString('latin1');
    tar.child.stdin
      .on('error', () => undefined)
      .end(paths.map((path) => `${name}${path}\0`).join(''), 'latin1');
    const [packed] = await Promise.all([buffer(tar.child.stdout), tar.ended]);
    return withoutEnd(packed);
  }

  private async packWhole(): Promise<void> {
    const tar = packing(['-C', join(this.root, 'tree'), '-f', this.tar, `./${this.name}`]);
    tar.child.stdin.end();
    await tar.ended;
  }
}

type GitIn = (phase: GitPhase, args: string[], extra?: Partial<GitRun>) => Promise<string>;

/** Names of what the mirror keeps for good: not what it is just fetching. */
const OBJECT = /^([0-9a-f]{2}\/[0-9a-f]{38}|pack\/pack-[0-9a-f]{40}\.(pack|idx|rev))$/;

async function allFiles(git: GitIn, commit: string): Promise<Changed> {
  const args = ['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit];
  const said = await git('checkout', args, { whole: 'latin1' });
  return new Map(
    said
      .split('\0')
      .filter(Boolean)
      .map((file) => [file, true]),
  );
}

/**
 * Files that differ between two commits; undefined where one of them is not there any more, or where a change of
 * attributes may have others checked out differently as well.
 */
async function changedFiles(git: GitIn, from: string, to: string): Promise<Changed | undefined> {
  const args = ['diff-tree', '-r', '-z', '--no-renames', '--name-status', from, to];
  const said = await git('checkout', args, { whole: 'latin1', otherwise: 'not-found' }).catch(
    (fault: unknown) => {
      if (!(fault instanceof DriverError) || fault.code !== 'not-found') throw fault;
    },
  );
  if (said === undefined) return undefined;
  const words = said.split('\0');
  const files = new Map<string, boolean>();
  for (let index = 0; index + 1 < words.length; index += 2)
    files.set(words[index + 1] ?? '', words[index] !== 'D');
  return [...files.keys()].some((file) => /(^|\/)\.gitattributes$/.test(file)) ? undefined : files;
}

/** A path as text; undefined where its bytes are none. */
function textOf(path: string): string | undefined {
  try {
    return UTF_8.decode(Buffer.from(path, 'latin1'));
  } catch {
    return undefined;
  }
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
