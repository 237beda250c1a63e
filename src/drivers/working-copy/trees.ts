import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { RepositorySpec } from '../../domain/lease.js';
import { quote } from '../posix/quote.js';
import { revisionsOf, type Supply } from './bring-revisions.js';
import { Checkout, type Version } from './checkout.js';
import type { Change } from './kept-changes.js';
import type { Mirrors } from './mirrors.js';
import { onOwnDisk } from './own-disk.js';
import { joined, type PackedTree, withoutEnd } from './packed-tree.js';
import { remember } from './remember.js';
import type { GitSource } from './remote.js';
import type { CheckedOut, Revision } from './revision.js';

/** Repositories kept checked out on the broker's disk; the one not used for longest goes. */
const MOST_CHECKOUTS = 32;
/** Working copies of which it is known what they had; the others are given whole trees. */
const MOST_COPIES = 10_000;

/** Beside a tree that waits for its lease. No repository can be in that directory, for the space in its name. */
const MARKER = '.berth prepared';

/** The host of a working copy, as far as trees are put on it. */
interface TreeHost {
  /** Runs a script in the lease's directory, with this as its stdin. @returns its exit code */
  run(script: string, stdin: Buffer | null): Promise<number>;
  /** Replaces the lease's directory by what the tar holds. */
  unpack(tar: Readable): Promise<void>;
}

/** What one working copy is given. */
export interface TreeRequest {
  /** The working copy's resource. */
  copy: string;
  /** Copies of one scope may be given what others of it had. */
  scope: string;
  host: TreeHost;
}

/** A tree that waits on a host for its lease. */
interface Prepared {
  token: string;
  parts: { checkout: Checkout; version: Version }[];
}

/** A repository as a lease wants it. */
interface Brought {
  revision: Revision;
  checkout: Checkout;
  key: string;
  /** What makes it of the one that waits; null where that is it, undefined where it can't be made of that. */
  change: Change | null | undefined;
}

/**
 * Puts trees on hosts. While a copy waits for a lease its clean host gets the tree that it last had, whole and afresh;
 * a lease that wants it finds it there, and one that wants another commit is sent what differs. A marker beside the
 * tree says which one it is, and is taken away before the lease can do anything: so what a lease may have worked on
 * bears none, and is never taken for one that waits.
 *
 * What is known of hosts is kept in memory only. Another process, or this one after a restart, gives whole trees where
 * the marker does not say that the right one waits.
 */
export class Trees {
  private readonly checkouts = new Map<string, Checkout>();
  private readonly prepared = new Map<string, Prepared>();
  /** What a copy last had. */
  private readonly last = new Map<string, { scope: string; parts: Checkout[] }>();
  /** What the copies of a scope last had. */
  private readonly recent = new Map<string, Checkout[]>();

  /** @param root directory of this process alone for checkouts, which is there; beside the mirrors, for it links to them */
  constructor(
    private readonly root: string,
    private readonly mirrors: Mirrors,
  ) {}

  /** Puts the tree that a lease wants on the host. */
  async put(
    request: TreeRequest,
    repositories: Record<string, RepositorySpec>,
    source: GitSource,
  ): Promise<Record<string, CheckedOut>> {
    const { copy, scope } = request;
    const waiting = this.prepared.get(copy);
    this.forget(copy);
    const staging = await onOwnDisk(() => mkdtemp(join(this.root, 'lease-')));
    try {
      const supply = { mirrors: this.mirrors, source, staging };
      const checkedOut: Record<string, CheckedOut> = {};
      const brought: Brought[] = [];
      for (const [directory, wanted] of Object.entries(repositories)) {
        const revisions = await revisionsOf(directory, wanted, supply);
        for (const revision of revisions) brought.push(await this.bring(revision, supply, waiting));
        const [{ commit, branch }] = revisions;
        checkedOut[directory] = { commit, branch };
      }
      if (!(await take(request, brought, waiting))) await this.unpack(request, brought, supply);
      if (source.cache) {
        const parts = brought.map(({ checkout }) => checkout);
        remember(this.last, copy, { scope, parts }, MOST_COPIES);
        remember(this.recent, scope, parts, MOST_COPIES);
      }
      return checkedOut;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /**
   * Puts the tree that the copy's next lease is likely to want on its clean host: the one that it last had, else the
   * one that another of its scope had; as it is by now, where it has moved on.
   * @returns whether there was one
   */
  async prepare({ copy, scope, host }: TreeRequest, signal: AbortSignal): Promise<boolean> {
    this.prepared.delete(copy);
    const last = this.last.get(copy);
    const parts = last?.scope === scope ? last.parts : this.recent.get(scope);
    if (!parts) return false;
    const trees: PackedTree[] = [];
    try {
      const prepared: Prepared = { token: randomUUID(), parts: [] };
      for (const checkout of parts) {
        await this.mirrors.alone(checkout.mirror, async () => {
          const version = await checkout.latest(signal);
          if (!version) return;
          trees.push(await checkout.whole());
          prepared.parts.push({ checkout, version });
        });
      }
      if (prepared.parts.length < parts.length) return false;
      const contents = prepared.parts.map(({ checkout, version }) => ({ checkout, key: version.key }));
      const marker = await markerTar(`${contentOf(scope, contents)}.${prepared.token}\n`);
      await host.unpack(
        Readable.from(joined([...trees.map((tree) => tree.content()), marker]), { objectMode: false }),
      );
      remember(this.prepared, copy, prepared, MOST_COPIES);
      return true;
    } finally {
      await Promise.all(trees.map((tree) => tree.close()));
    }
  }

  /** What the copy had is not what it has. */
  forget(copy: string): void {
    this.prepared.delete(copy);
    this.last.delete(copy);
  }

  private bring(revision: Revision, supply: Supply, waiting: Prepared | undefined): Promise<Brought> {
    return this.mirrors.alone(revision.mirror, async () => {
      const checkout = await this.checkoutOf(revision, supply);
      const key = checkout.keyOf(revision);
      const had = waiting?.parts.find((part) => part.checkout === checkout)?.version;
      if (!had) return { revision, checkout, key, change: undefined };
      if (had.key === key) return { revision, checkout, key, change: null };
      return { revision, checkout, key, change: await checkout.change(had, revision, supply.source.signal) };
    });
  }

  private async unpack({ host }: TreeRequest, brought: Brought[], supply: Supply): Promise<void> {
    const trees: PackedTree[] = [];
    try {
      for (const { revision } of brought) {
        await this.mirrors.alone(revision.mirror, async () => {
          // Others may have moved it meanwhile, or put another in its place.
          const now = await this.checkoutOf(revision, supply);
          await now.moveTo(revision, supply.source.signal);
          trees.push(await now.whole());
        });
      }
      await host.unpack(Readable.from(joined(trees.map((tree) => tree.content())), { objectMode: false }));
    } finally {
      await Promise.all(trees.map((tree) => tree.close()));
    }
  }

  /** While its mirror is held. What is not to be kept is of this lease alone. */
  private async checkoutOf({ place, mirror }: Revision, { source, staging }: Supply): Promise<Checkout> {
    if (!source.cache) return new Checkout(await mkdtemp(join(staging, 'checkout-')), place, mirror);
    const key = JSON.stringify([place, mirror]);
    const known = this.checkouts.get(key);
    this.checkouts.delete(key);
    if (known) {
      this.checkouts.set(key, known);
      return known;
    }
    const root = await mkdtemp(join(this.root, 'checkout-'));
    const checkout = new Checkout(root, place, mirror);
    this.checkouts.set(key, checkout);
    for (const [oldest, least] of this.checkouts) {
      if (this.checkouts.size <= MOST_CHECKOUTS) break;
      this.checkouts.delete(oldest);
      // In its own mirror's turn: someone may be at it.
      void this.mirrors.alone(least.mirror, () => least.remove()).catch(() => undefined);
    }
    return checkout;
  }
}

/**
 * Takes the tree that waits on the host, with what makes the wanted one of it. What the host then has is only right
 * where this returns true.
 */
async function take(
  { scope, host }: TreeRequest,
  brought: Brought[],
  waiting: Prepared | undefined,
): Promise<boolean> {
  const changes = brought.flatMap(({ change }) => change ?? []);
  const isKnown =
    waiting?.parts.length === brought.length && brought.every(({ change }) => change !== undefined);
  if (waiting && !isKnown) return false;
  const mark = isKnown ? `*.${waiting?.token}` : `${contentOf(scope, brought)}.*`;
  const script = takeScript(
    mark,
    changes.flatMap(({ removed }) => removed),
  );
  const stdin = changes.length === 0 ? null : await tarOf(changes);
  return (await host.run(stdin ? `${script}\ntar -xpof - || exit 4` : script, stdin)) === 0;
}

function takeScript(mark: string, removed: string[]): string {
  return [
    `held=; { read -r held < ${quote(`./${MARKER}`)}; } 2> /dev/null`,
    `rm -f ${quote(`./${MARKER}`)} || exit 4`,
    `case $held in ${mark}) ;; *) exit 3 ;; esac`,
    'umask 022',
    ...(removed.length > 0
      ? [`rm -rf ${removed.map((path) => quote(`./${path}`)).join(' ')} || exit 4`]
      : []),
  ].join('\n');
}

function tarOf(changes: Change[]): Promise<Buffer> {
  return buffer(Readable.from(joined(changes.map(({ tar }) => tar)), { objectMode: false }));
}

/** The same for trees that are alike, whoever made them. */
function contentOf(scope: string, parts: { checkout: Checkout; key: string }[]): string {
  const contents = parts.map(({ checkout, key }) => [checkout.place.tree, key]).sort();
  return createHash('sha256')
    .update(JSON.stringify([scope, contents]))
    .digest('hex');
}

async function markerTar(text: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: `./${MARKER}`, mode: 0o600 }, text);
  tar.finalize();
  return withoutEnd(await buffer(tar));
}
