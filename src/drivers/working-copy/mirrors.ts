import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withAccess } from './git-access.js';
import { onOwnDisk } from './own-disk.js';
import { remember } from './remember.js';
import { type Found, type GitSource, type MirrorMemory, Remote, type Wanted } from './remote.js';
import { type GitAccess, type GitPhase, trustedGit } from './trusted-git.js';

/** What tells mirrors apart. */
export interface MirrorName {
  uri: string;
  credentialName: string | null;
}

/** A mirror that has what was wanted, for as long as `use` runs. */
interface Mirror extends Found {
  directory: string;
}

/** Mirrors of which it is remembered what they have; the others are asked. */
const MOST_REMEMBERED = 100;

/** After so many uses it is asked whether a mirror's objects are worth packing anew. */
const USES_TO_TIDY = 50;
const TIDY_MS = 10 * 60_000;

/**
 * Bare copies of remote repositories on the broker's disk, one for each address and credential. The directory belongs
 * to one broker process; uses of one mirror follow each other.
 */
export class Mirrors {
  private readonly turns = new Map<string, Promise<unknown>>();
  private readonly unlocked = new Set<string>();
  private readonly uses = new Map<string, number>();
  private readonly memories = new Map<string, MirrorMemory>();

  constructor(private readonly root: string) {}

  async use<T>(
    uri: string,
    wanted: Wanted,
    source: GitSource,
    work: (mirror: Mirror) => Promise<T>,
  ): Promise<T> {
    const key = keyOf({ uri, credentialName: source.credentialName });
    if (source.cache) {
      const used = this.inTurn(key, () => this.open(uri, wanted, source, `${key}.git`, work));
      this.tidyAfter(key);
      return used;
    }
    const name = `${key}-${randomUUID()}.git`;
    try {
      return await this.open(uri, wanted, source, name, work);
    } finally {
      await rm(join(this.root, name), { recursive: true, force: true });
    }
  }

  /** Does something in the mirror's turn that needs nothing of it. */
  alone<T>(name: MirrorName, work: () => Promise<T>): Promise<T> {
    return this.inTurn(keyOf(name), work);
  }

  /** Packs a mirror's objects now and then, when nobody waits for it: git itself would after a fetch, for its caller to wait. */
  private tidyAfter(key: string): void {
    const uses = (this.uses.get(key) ?? 0) + 1;
    this.uses.set(key, uses);
    if (uses % USES_TO_TIDY > 0) return;
    const signal = AbortSignal.timeout(TIDY_MS);
    const cwd = join(this.root, `${key}.git`);
    // What is left untidy works as well.
    this.inTurn(key, () =>
      trustedGit({ phase: 'fetch', args: ['gc', '--auto', '--quiet'], cwd, signal }),
    ).catch(() => undefined);
  }

  private async open<T>(
    uri: string,
    wanted: Wanted,
    source: GitSource,
    name: string,
    work: (mirror: Mirror) => Promise<T>,
  ): Promise<T> {
    const directory = join(this.root, name);
    const phase = await this.make(directory, source.signal);
    const state = await this.reach(uri, source, async (access) => {
      const remote = new Remote(uri, directory, source, access, this.memoryOf(directory));
      return remote.bring(wanted, phase);
    });
    return work({ directory, ...state });
  }

  private memoryOf(directory: string): MirrorMemory {
    const memory = this.memories.get(directory) ?? {};
    remember(this.memories, directory, memory, MOST_REMEMBERED);
    return memory;
  }

  /** Gives git access to the repository itself for as long as `use` runs. */
  reach<T>(uri: string, { credential }: GitSource, use: (access: GitAccess) => Promise<T>): Promise<T> {
    return withAccess({ uri, credential, knownHosts: join(this.root, 'known_hosts') }, use);
  }

  /** Makes it where it is not; made apart and moved, so that there is no half of one. */
  private async make(directory: string, signal: AbortSignal): Promise<GitPhase> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    if (
      await stat(directory).then(
        () => true,
        () => false,
      )
    ) {
      if (!this.unlocked.has(directory)) await removeLocks(directory);
      this.unlocked.add(directory);
      return 'fetch';
    }
    const fresh = `${directory}.${randomUUID()}`;
    await trustedGit({ phase: 'clone', args: ['init', '--quiet', '--bare', '--template=', fresh], signal });
    // A HEAD of its own would make clones differ by what the mirror was asked before.
    await trustedGit({
      phase: 'clone',
      args: ['symbolic-ref', 'HEAD', 'refs/berth/none'],
      cwd: fresh,
      signal,
    });
    await rename(fresh, directory);
    this.unlocked.add(directory);
    return 'clone';
  }

  private inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const own = () => onOwnDisk(work);
    const turn = (this.turns.get(key) ?? Promise.resolve()).then(own, own);
    this.turns.set(key, turn);
    const forget = () => void (this.turns.get(key) === turn && this.turns.delete(key));
    turn.then(forget, forget);
    return turn;
  }
}

function keyOf({ uri, credentialName }: MirrorName): string {
  return createHash('sha256')
    .update(JSON.stringify([uri, credentialName]))
    .digest('hex');
}

/** What a git left that was killed with an earlier broker; nobody else works here. */
async function removeLocks(directory: string): Promise<void> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const locks = files.filter((file) => file.isFile() && file.name.endsWith('.lock'));
  await Promise.all(locks.map((file) => rm(join(file.parentPath, file.name), { force: true })));
}
