import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Changes that are kept of one checkout, and how much they may be together; the one not used for longest goes. */
const MOST_CHANGES = 8;
const MOST_BYTES = 32 * 1024 * 1024;

/** What makes one version of a checkout of another on a host that has it. */
export interface Change {
  /** Paths to remove, below the lease's directory. */
  removed: string[];
  /** Tar of what is new or other, without the blocks that end it. */
  tar: Buffer;
}

interface Kept {
  removed: string[];
  bytes: number;
}

/**
 * What made one version of a checkout of another, on the broker's disk, for the next host that has the one and is to
 * have the other. To be used by one at a time, as the checkout is.
 */
export class KeptChanges {
  /** The one used last is the last. */
  private readonly kept = new Map<string, Kept>();

  /** @param directory of its own; made when there is something to keep */
  constructor(private readonly directory: string) {}

  /**
   * @param from content of the version that the host has
   * @param to key of the one wanted
   */
  async get(from: string, to: string): Promise<Change | undefined> {
    const name = nameOf(from, to);
    const known = this.kept.get(name);
    if (!known) return undefined;
    this.kept.delete(name);
    const tar = await readFile(this.fileOf(name)).catch(() => undefined);
    if (!tar) return undefined;
    this.kept.set(name, known);
    return { removed: known.removed, tar };
  }

  /** Keeps it where the disk takes it. That it does not costs the next one time, and this one nothing. */
  async add(from: string, to: string, { removed, tar }: Change): Promise<void> {
    const name = nameOf(from, to);
    this.kept.delete(name);
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await writeFile(this.fileOf(name), tar);
    } catch {
      await this.drop(name);
      return;
    }
    this.kept.set(name, { removed, bytes: tar.length });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MOST_CHANGES && this.bytes() <= MOST_BYTES) break;
      await this.drop(oldest);
    }
  }

  private async drop(name: string): Promise<void> {
    this.kept.delete(name);
    await rm(this.fileOf(name), { force: true }).catch(() => undefined);
  }

  private bytes(): number {
    return [...this.kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  private fileOf(name: string): string {
    return join(this.directory, `${name}.tar`);
  }
}

function nameOf(from: string, to: string): string {
  return `${from}-${to}`;
}
