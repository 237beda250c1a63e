import type { MirrorName } from './mirrors.js';
import type { Found } from './remote.js';

/** Where a checkout is found, below the lease's directory. */
export interface Place {
  /** Its files. */
  tree: string;
  /** What git keeps of it. */
  git: string;
}

/** One repository as it is to be checked out. */
export interface Revision extends Found {
  place: Place;
  mirror: MirrorName;
  /** Git directory that has its objects. */
  directory: string;
  /** What was merged into it, and so came with it. */
  merged: string[];
  /** Those that git shall know of, and whether it leaves them alone; none where nobody asked for them. */
  submodules: { name: string; uri: string; isLeftOut: boolean }[];
}

/** What a lease finds checked out. */
export interface CheckedOut {
  /** Null in an empty repository. */
  commit: string | null;
  /** Null where HEAD is detached. */
  branch: string | null;
}
