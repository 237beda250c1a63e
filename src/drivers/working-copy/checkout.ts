import { createHash } from 'node:crypto';
import { link, lstat, lutimes, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DriverError } from '../driver.js';
import { type GitDirectory, gitDirectory, isApart } from './git-directory.js';
import { settledIndex } from './git-index.js';
import { type Change, KeptChanges } from './kept-changes.js';
import type { MirrorName } from './mirrors.js';
import { type PackedTree, packedTree, packing, withoutEnd } from './packed-tree.js';
import type { Place, Revision } from './revision.js';
import { trustedGit } from './trusted-git.js';

/**
 * Time of every file of a checkout. One that is long past and always the same makes copies alike, lets a first `git
 * status` on the host trust the index that came along, and no lease can write a file that bears it by accident.
 */
const FILE_TIME = new Date('2000-01-01T00:00:00Z');

/** Time of the index: later, or git would take every file for one that may have changed since. */
const INDEX_TIME = new Date(FILE_TIME.getTime() + 1_000);

/** The host keeps neither inodes nor change times of the broker's: git shall compare size and whole seconds only. */
const CONFIG = ['core.bare=false', 'core.checkStat=minimal', 'core.trustctime=false', 'index.version=2'];

/** Versions in a row of which it is known what changed. */
const REMEMBERED = 50;

/** Past these a whole tree costs little more than its changes. */
const MOST_PATHS = 1_000;
const MOST_REMOVED_BYTES = 32 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;

/** What a checkout was at one time. Two of one checkout are alike where their keys are. */
export interface Version {
  key: string;
  /** The same for two that are alike byte for byte: not where git keeps the same objects in other files. */
  content: string;
  /** What is not as in the one before. */
  changed: Changed;
}

/** Paths below the lease's directory, a character a byte, and whether they are there now. Those that are lie in real directories. */
type Changed = ReadonlyMap<string, boolean>;

/**
 * One repository checked out on the broker's disk, where no lease writes, and moved from revision to revision: what
 * hosts are given, whole or as the difference to what they were given before. What git keeps of it is laid out anew for
 * each version, so that it is what a fresh one would be, whatever it was before.
 *
 * To be used by one at a time, while the mirror is held.
 */
export class Checkout {
  /** Stands for the lease's directory. */
  private readonly top: string;
  private readonly tar: string;
  private readonly objects = new Set<string>();
  private laid: Map<string, string> = new Map();
  private versions: Version[] = [];
  /** Null where it is of an empty repository; undefined where it has to be made anew. */
  private commit: string | null | undefined;
  private packed = false;
  private readonly kept: KeptChanges;
  /** What it is to be next, where a lease got that without it. */
  private behind: Revision | undefined;

  /** @param root a directory of its own */
  constructor(
    private readonly root: string,
    readonly place: Place,
    readonly mirror: MirrorName,
  ) {
    this.top = join(root, 'tree');
    this.tar = join(root, 'tree.tar');
    this.kept = new KeptChanges(join(root, 'changes'));
  }

  /** Key of what `moveTo` would make of it. */
  keyOf({ commit, branch, refs, merged, submodules }: Revision): string {
    return createHash('sha256')
      .update(JSON.stringify([this.mirror.uri, commit, branch, refs, merged, submodules]))
      .digest('hex');
  }

  private get current(): Version | undefined {
    return this.commit === undefined ? undefined : this.versions.at(-1);
  }

  /** The version that leases were last given; undefined where it has to be made anew. */
  async latest(signal: AbortSignal): Promise<Version | undefined> {
    return this.behind ? this.moveTo(this.behind, signal) : this.current;
  }

  /** Checks the revision out, which is of its place and mirror. What is broken off leaves it to be made anew. */
  async moveTo(revision: Revision, signal: AbortSignal): Promise<Version> {
    const key = this.keyOf(revision);
    this.behind = undefined;
    if (this.current?.key === key) return this.current;
    const from = this.commit;
    const { commit } = revision;
    this.commit = undefined;
    this.packed = false;
    await rm(this.tar, { force: true });
    const git = this.gitIn(revision, signal);
    const moved = from && commit ? await changedFiles(git, commit) : undefined;
    if (moved === undefined) await this.empty();
    const changed = new Map(await this.layGitDirectory(revision));
    if (commit !== null) {
      const files = this.within(this.place.tree, moved ?? (await allFiles(git, commit)));
      await this.checkOut(git, commit, files);
      for (const [file, isThere] of files) changed.set(file, isThere);
      changed.set(`${bytesOf(this.place.git)}/index`, true);
    }
    this.commit = commit;
    const version = { key, content: this.contentOf(key), changed };
    this.versions = [...this.versions, version].slice(-REMEMBERED);
    return version;
  }

  /**
   * What makes the revision of `from`; undefined where that is not known, or as much as all of it. What was made before
   * is taken from there, and nothing is checked out for it: the checkout follows when its latest version is asked for.
   */
  async change(from: Version, revision: Revision, signal: AbortSignal): Promise<Change | undefined> {
    // With the lease goes where its merges were made, so that the checkout could not follow.
    const isLasting = revision.merged.length === 0;
    const key = this.keyOf(revision);
    const known = isLasting ? await this.kept.get(from.content, key) : undefined;
    if (known) {
      this.behind = revision;
      return known;
    }
    await this.moveTo(revision, signal);
    const change = await this.changeSince(from);
    if (change && isLasting) await this.kept.add(from.content, key, change);
    return change;
  }

  /** What makes the current version of `from`. */
  private async changeSince(from: Version): Promise<Change | undefined> {
    const index = this.versions.indexOf(from);
    if (index < 0) return undefined;
    const changed = new Map(this.versions.slice(index + 1).flatMap((version) => [...version.changed]));
    if (changed.size > MOST_PATHS) return undefined;
    const present = [...changed.keys()].filter((path) => changed.get(path));
    const gone = new Set<string>();
    for (const [path, isThere] of changed) if (!isThere) gone.add(await this.topOfWhatIsGone(path));
    const names = [...present, ...gone].map(textOf);
    if (!isText(names) || (await this.bytesOf(present)) > MOST_BYTES) return undefined;
    // What is there in another form, such as a link where a directory was, is out of the way before the tar comes.
    if (names.join('').length > MOST_REMOVED_BYTES) return undefined;
    return { removed: names, tar: await this.pack(present) };
  }

  /** All of the current version. To be closed. */
  async whole(): Promise<PackedTree> {
    if (!this.packed) await this.packWhole();
    this.packed = true;
    return packedTree(await open(this.tar));
  }

  async remove(): Promise<void> {
    this.behind = undefined;
    this.commit = undefined;
    await rm(this.root, { recursive: true, force: true });
  }

  private async empty(): Promise<void> {
    this.versions = [];
    this.objects.clear();
    this.laid.clear();
    await rm(this.top, { recursive: true, force: true });
    await mkdir(join(this.top, this.place.tree), { recursive: true, mode: 0o755 });
  }

  /** @returns paths of it that are not what they were */
  private async layGitDirectory(revision: Revision): Promise<[string, boolean][]> {
    const written = await this.write(gitDirectory(revision));
    const linked = await this.linkObjects(revision.directory);
    const objects = `${bytesOf(this.place.git)}/objects`;
    return [
      ...written.map((path): [string, boolean] => [bytesOf(path), true]),
      ...linked.map(([name, isThere]): [string, boolean] => [`${objects}/${name}`, isThere]),
    ];
  }

  private async write({ directories, files }: GitDirectory): Promise<string[]> {
    const made = { recursive: true, mode: 0o755 };
    for (const directory of directories) await mkdir(join(this.top, directory), made);
    const changed = [...files.keys()].filter((path) => files.get(path) !== this.laid.get(path));
    for (const path of changed) {
      const file = join(this.top, path);
      await writeFile(file, files.get(path) ?? '', { mode: 0o644 });
      await lutimes(file, FILE_TIME, FILE_TIME);
    }
    this.laid = files;
    return changed;
  }

  /** Links to the objects: they never change, and a tar has copies. */
  private async linkObjects(directory: string): Promise<[string, boolean][]> {
    const from = join(directory, 'objects');
    const to = join(this.top, this.place.git, 'objects');
    const there = new Set((await readdir(from, { recursive: true })).filter((name) => OBJECT.test(name)));
    const fresh = [...there].filter((name) => !this.objects.has(name));
    const gone = [...this.objects].filter((name) => !there.has(name));
    for (const parent of new Set(fresh.map((name) => dirname(name)))) {
      await mkdir(join(to, parent), { recursive: true, mode: 0o755 });
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
      ...fresh.map((name): [string, boolean] => [name, true]),
      ...gone.map((name): [string, boolean] => [name, false]),
    ];
  }

  private async checkOut(git: GitIn, commit: string, files: Changed): Promise<void> {
    await git(['read-tree', '-m', '-u', commit]);
    for (const [file, isThere] of files) if (isThere) await lutimes(this.at(file), FILE_TIME, FILE_TIME);
    const settled = settledIndex(await readFile(this.index), FILE_TIME);
    if (!settled)
      throw new DriverError('failed', 'git on the broker has written an index that is not known.');
    await writeFile(this.index, settled);
    await lutimes(this.index, INDEX_TIME, INDEX_TIME);
  }

  private contentOf(key: string): string {
    return createHash('sha256')
      .update(JSON.stringify([key, [...this.objects].sort()]))
      .digest('hex');
  }

  /** git that has this checkout for its own, and the revision's objects. */
  private gitIn({ directory }: Revision, signal: AbortSignal): GitIn {
    const cwd = join(this.top, this.place.tree);
    const access = { config: CONFIG, env: { GIT_INDEX_FILE: this.index, GIT_WORK_TREE: cwd } };
    return (args, whole) =>
      trustedGit({
        phase: 'checkout',
        args: ['--git-dir', directory, ...args],
        access,
        cwd,
        whole,
        signal,
      });
  }

  private get index(): string {
    return join(this.top, this.place.git, 'index');
  }

  private within(directory: string, paths: Changed): Changed {
    const above = bytesOf(directory);
    return new Map([...paths].map(([path, isThere]) => [`${above}/${path}`, isThere]));
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
    return Buffer.concat([Buffer.from(`${this.top}/`), Buffer.from(path, 'latin1')]);
  }

  private async pack(paths: string[]): Promise<Buffer> {
    const tar = packing(['-C', this.top, '--null', '--no-recursion', '-T', '-', '-f', '-']);
    tar.child.stdin.on('error', () => undefined).end(paths.map((path) => `./${path}\0`).join(''), 'latin1');
    const [packed] = await Promise.all([buffer(tar.child.stdout), tar.ended]);
    return withoutEnd(packed);
  }

  private async packWhole(): Promise<void> {
    const { tree, git } = this.place;
    const parts = isApart(this.place) ? [tree, git] : [tree];
    const tar = packing(['-C', this.top, '-f', this.tar, ...parts.map((part) => `./${part}`)]);
    tar.child.stdin.end();
    await tar.ended;
  }
}

type GitIn = (args: string[], whole?: 'latin1') => Promise<string>;

/** Names of what the mirror keeps for good: not what it is just fetching. */
const OBJECT = /^([0-9a-f]{2}\/[0-9a-f]{38}|pack\/pack-[0-9a-f]{40}\.(pack|idx|rev))$/;

async function allFiles(git: GitIn, commit: string): Promise<Changed> {
  const said = await git(['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit], 'latin1');
  return new Map(
    said
      .split('\0')
      .filter(Boolean)
      .map((file) => [file, true]),
  );
}

/**
 * Files that the commit has otherwise than the index has them: which needs nothing of the commit before but that. Not
 * those that are submodules before and after, whose directories stay. Undefined where a change of attributes may have
 * others checked out differently as well.
 */
async function changedFiles(git: GitIn, to: string): Promise<Changed | undefined> {
  const args = ['diff-index', '--cached', '-R', '-r', '-z', '--raw', '--no-renames', to];
  const words = (await git(args, 'latin1')).split('\0');
  const files = new Map<string, boolean>();
  for (let index = 0; index + 1 < words.length; index += 2) {
    const [what = '', file = ''] = words.slice(index);
    if (/(^|\/)\.gitattributes$/.test(file)) return undefined;
    if (!what.startsWith(':160000 160000 ')) files.set(file, !what.endsWith('D'));
  }
  return files;
}

function isText(names: (string | undefined)[]): names is string[] {
  return !names.includes(undefined);
}

/** A text as the path that it is, a character a byte. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
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
